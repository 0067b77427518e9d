"""The numbers that the papers printed, beside which ours stand. Nothing is computed from them."""

# Subbanna et al. 2021, Tables 1 to 3 (skull-stripped), rank histograms and the paragraph on Dice; 40 patients.
# What the paper calls MCC is described as a correlation of grey levels and stands beside our NCC.
SUBBANNA2021_PATIENTS = 40
SUBBANNA2021_SIMILARITY = {
    ("unet", "ssim"): {"own": 0.73, "others": 0.50},
    ("segnet", "ssim"): {"own": 0.61, "others": 0.49},
    ("unet", "ncc"): {"own": 0.60, "others": 0.52},
    ("segnet", "ncc"): {"own": 0.53, "others": 0.45},
}
SUBBANNA2021_RANK1 = {
    ("unet", "ssim"): 30,
    ("segnet", "ssim"): 26,
    ("unet", "ncc"): 16,
    ("segnet", "ncc"): 14,
    ("unet", "deformation"): 24,
    ("segnet", "deformation"): 22,
}
SUBBANNA2021_MEAN_RANK = {
    ("unet", "ssim"): 1.5,
    ("segnet", "ssim"): 1.6,
    ("unet", "deformation"): 1.8,
    ("segnet", "deformation"): 1.8,
}
SUBBANNA2021_RANKS = {"unet": (30, 5, 2, 2, 1), "segnet": (26, 8, 3, 2, 0, 1)}
SUBBANNA2021_DICE = {
    ("unet", "original"): 0.53,
    ("segnet", "original"): 0.48,
    ("unet", "reconstruction"): 0.37,
    ("segnet", "reconstruction"): 0.32,
}
