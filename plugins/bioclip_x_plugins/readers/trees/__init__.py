"""Readers of nested trees and of parent-child formats."""
