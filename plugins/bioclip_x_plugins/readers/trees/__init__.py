"""Readers of nested trees and of nodes with parents."""
