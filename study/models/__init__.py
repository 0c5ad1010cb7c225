"""Models: a run of a study in, a folder and a logged model that classify out."""
