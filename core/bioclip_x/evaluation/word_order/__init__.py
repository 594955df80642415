"""A probe of word order: does the score notice when a right text is altered?"""
