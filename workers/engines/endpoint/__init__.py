"""The engine `endpoint`: any page reader behind a server with OpenAI's interface, as its profile describes it."""
