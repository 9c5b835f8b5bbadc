"""`ocrmill view`: an output as local web pages, for people who judge a night and look at its pages."""
