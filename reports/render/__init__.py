"""Rendering: a document in, HTML, Markdown or LaTeX out."""
