"""Writes files so that they are whole or absent, and sees damage when they are read again."""
