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

# Lee 2025: tables of entropy, kurtosis, Frechet distance (Inception features) and likely samples; 224 pixels, CheXpert.
# Ranges are of the smallest and the largest value printed. The paper does not say what its "NN" of a match is; it stands
# beside our cosine similarity. Row 15 of the overfit CNN prints an age error of 17.712 years where its own ages give 17.812.
LEE2025_ENTROPY = {
    "cnn": {"untuned_prior": 7.402, "tuned_generator": 6.486, "training_images": 7.963},
    "cnn_overfit": {"untuned_prior": 7.402, "tuned_generator": 6.176, "training_images": 7.965},
    "vit": {"untuned_prior": 7.402, "tuned_generator": 6.176, "training_images": 7.963},
    "vit_overfit": {"untuned_prior": 7.402, "tuned_generator": 6.125, "training_images": 7.962},
}
LEE2025_KURTOSIS = {
    "cnn": {"untuned_prior": 1.065, "tuned_generator": 0.436, "training_images": 4.306},
    "cnn_overfit": {"untuned_prior": 1.065, "tuned_generator": 0.566, "training_images": 0.532},
    "vit": {"untuned_prior": 1.065, "tuned_generator": 1.001, "training_images": 4.299},
    "vit_overfit": {"untuned_prior": 1.065, "tuned_generator": 0.58, "training_images": 0.396},
}
LEE2025_FRECHET = {
    "cnn": {"prior": 159.91, "target": 178.96},
    "cnn_overfit": {"prior": 95.58, "target": 198.11},
    "vit": {"prior": 74.75, "target": 104.94},
    "vit_overfit": {"prior": 90.09, "target": 171.72},
}
LEE2025_LIKELY = {
    "cnn": {"likely": 2, "ssim": (0.093, 0.125), "cosine": (0.914, 0.964), "sex": 0, "age": (17.7, 32.8)},
    "cnn_overfit": {"likely": 23, "ssim": (0.353, 0.531), "cosine": (0.760, 0.826), "sex": 15, "age": (0.9, 30.8)},
    "vit": {"likely": 1, "ssim": (0.501, 0.501), "cosine": (0.978, 0.978), "sex": 1, "age": (23.7, 23.7)},
    "vit_overfit": {"likely": 2, "ssim": (0.473, 0.532), "cosine": (0.860, 0.903), "sex": 2, "age": (3.6, 10.8)},
}
# The same model on the training images nearest to the likely samples.
LEE2025_NEAREST = {
    "cnn": {"sex": 2, "age": (6.9, 25.7)},
    "cnn_overfit": {"sex": 23, "age": (0.9, 12.7)},
    "vit": {"sex": 1, "age": (4.4, 4.4)},
    "vit_overfit": {"sex": 2, "age": (2.8, 6.2)},
}
LEE2025_DEMOGRAPHICS = {"mae": 5.12, "rmse": 6.63, "r2": 0.845, "accuracy": 0.95, "sex_auc": 0.991}
# Share of validation images right of the targets trained to overfit.
LEE2025_ACCURACY = {"cnn_overfit": 0.75, "vit_overfit": 0.85}

# Kim 2019 (Privacy-Net): 81 test patients of PPMI, 148 pairs of one patient; by what our study calls the variant, "raw" being
# the case that is not encoded. Accuracies of telling whether two images are of one patient; the threshold of MS-SSIM is the
# best on the test pairs. The mean average precision of the encoded is only drawn, as falling with lambda.
KIM2019_IDENTITY = {
    "raw": {"ms_ssim": 0.970, "d_new": 0.953, "retrieval": 0.850},
    "published-1": {"ms_ssim": 0.564, "d_adv": 0.520, "d_new": 0.598},
    "published-3": {"ms_ssim": 0.533, "d_adv": 0.537, "d_new": 0.615},
    "published-10": {"ms_ssim": 0.510, "d_adv": 0.523, "d_new": 0.577},
    "published-100": {"ms_ssim": 0.503, "d_adv": 0.516, "d_new": 0.513},
}
KIM2019_DICE = {
    "raw": {"gm": 0.941, "wm": 0.853, "nuclei": 0.657, "csf_int": 0.665, "csf_ext": 0.825, "overall": 0.848},
    "published-1": {"gm": 0.925, "wm": 0.824, "nuclei": 0.580, "csf_int": 0.598, "csf_ext": 0.752, "overall": 0.812},
    "published-3": {"gm": 0.899, "wm": 0.793, "nuclei": 0.549, "csf_int": 0.550, "csf_ext": 0.693, "overall": 0.778},
    "published-10": {"gm": 0.881, "wm": 0.796, "nuclei": 0.555, "csf_int": 0.531, "csf_ext": 0.685, "overall": 0.771},
    "published-100": {"gm": 0.847, "wm": 0.692, "nuclei": 0.454, "csf_int": 0.405, "csf_ext": 0.513, "overall": 0.684},
}
# MRBrainS 2013, by variant and whether the segmenter was trained again on its codes.
KIM2019_TRANSFER = {
    ("published-1", False): {"gm": 0.768, "wm": 0.822, "csf": 0.804, "overall": 0.796},
    ("published-3", False): {"gm": 0.767, "wm": 0.852, "csf": 0.798, "overall": 0.804},
    ("published-10", False): {"gm": 0.757, "wm": 0.798, "csf": 0.768, "overall": 0.772},
    ("published-100", False): {"gm": 0.499, "wm": 0.464, "csf": 0.648, "overall": 0.537},
    ("published-1", True): {"gm": 0.819, "wm": 0.827, "csf": 0.823, "overall": 0.821},
    ("published-3", True): {"gm": 0.794, "wm": 0.807, "csf": 0.831, "overall": 0.814},
    ("published-10", True): {"gm": 0.780, "wm": 0.747, "csf": 0.797, "overall": 0.790},
    ("published-100", True): {"gm": 0.605, "wm": 0.360, "csf": 0.572, "overall": 0.586},
}
# What follows the paper's recipe stands beside the same numbers.
for _ours, _of_paper in (
    *(("kim2019-raw", "raw"), ("kim2019-1", "published-1")),
    *(("kim2019-batch-raw", "raw"), ("kim2019-batch-1", "published-1")),
):
    KIM2019_IDENTITY[_ours], KIM2019_DICE[_ours] = KIM2019_IDENTITY[_of_paper], KIM2019_DICE[_of_paper]
for _retrained in (False, True):
    KIM2019_TRANSFER["kim2019-1", _retrained] = KIM2019_TRANSFER["published-1", _retrained]
# Of lambda 1, by what was done to the scan. The low resolution is printed as 2 x 2 x 2 cm3.
KIM2019_ROBUSTNESS = {
    "noise_15": {"gm": 0.921, "wm": 0.818, "nuclei": 0.572, "csf_int": 0.585, "csf_ext": 0.743, "overall": 0.808},
    "noise_10": {"gm": 0.917, "wm": 0.804, "nuclei": 0.566, "csf_int": 0.582, "csf_ext": 0.696, "overall": 0.797},
    "noise_5": {"gm": 0.821, "wm": 0.706, "nuclei": 0.514, "csf_int": 0.472, "csf_ext": 0.331, "overall": 0.669},
    "low_resolution": {"gm": 0.881, "wm": 0.781, "nuclei": 0.552, "csf_int": 0.516, "csf_ext": 0.683, "overall": 0.759},
}
# Seconds a volume of 144 x 192 x 160 on a GTX 1080 Ti: to encode it, and for all of the segmentation.
KIM2019_SECONDS = {"encode": 0.08, "altogether": 0.1}
