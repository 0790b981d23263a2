"""The suite's datasets of photographs as data, a module for each family.

Facts carry their sources; what no source tells is said to be unknown. Numbers of images are those that the data sets'
own pages or the papers' repositories print; where none was found, none is given.
"""
