"""Masks of more photographs than one process makes: a loop with processes, and the same work under Apache Beam."""
