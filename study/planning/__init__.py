"""Planning: estimates a study's size, time, disk space and statistical power before it runs."""
