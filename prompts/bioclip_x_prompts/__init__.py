"""What is put into words, as data: prompts for language models, template sets, word lists."""
