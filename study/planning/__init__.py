"""The plan of a study: size, time, disk space and statistical power, before anything is trained."""
