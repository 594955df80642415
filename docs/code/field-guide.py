# [start:drawing-your-own]
from bioclip_x_field_guide.drawing import draw_species

plain = draw_species("Amanita muscaria", seed=3)
bald = draw_species("Amanita muscaria", seed=3, change={"cap_surface": "plain"})
plain.image.save("fly-agaric.png")
plain.masks["cap_surface"]  # bool [256, 256]: the white spots
# [end:drawing-your-own]
