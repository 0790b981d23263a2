"""Tables and pages made from stored results; runs no model."""
