"""LCP: learning cruxes to push (Fu et al., IEEE TCSVT 2024, doi 10.1109/TCSVT.2024.3432580), and its baseline."""
