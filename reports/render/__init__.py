"""Renders a report as HTML, Markdown or LaTeX."""
