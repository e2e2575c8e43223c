"""The colours of all pictures, told apart by the colour-blind: those of Okabe and Ito, the blue darkened."""

BLUE, ORANGE, GREEN, PINK, OLIVE, SKY = "#0060a8", "#d55e00", "#009e73", "#cc79a7", "#7a5c00", "#56b4e9"
INK, DARK, GREY, PALE = "#333333", "#4d565e", "#9aa4ad", "#e3e7ea"
LINES = (BLUE, ORANGE, GREEN, PINK, OLIVE, INK, SKY)  # seven, so that with four dashes 28 differ
MUTED = (  # of areas: Tol (2021), "Colour schemes", figure 5
    *("#88ccee", "#cc6677", "#882255", "#ddcc77", "#44aa99"),
    *("#aa4499", "#117733", "#999933", "#332288"),
)
