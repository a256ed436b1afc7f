"""Text: languages, WordNet, and the words and entries that captions hold."""
