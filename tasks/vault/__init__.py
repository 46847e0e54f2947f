"""Who is behind a pseudonym, sealed: the only place that leads back, and off unless somebody asks for it."""
