"""Networks that are known by name alone: what their tensors are called, not what each must be. Described, not built."""

import re
from dataclasses import dataclass

from torch import Tensor

from remnant.targets.known.match import Match


@dataclass(frozen=True)
class Named:
    """`architecture` in the names of `dialect`, for a `task`.

    Patterns of whole names: of the first convolution, `stem`; of the last layer, `head`, whose last one in the file counts; of
    a tensor that no other network has, `mark`. `parts`: what its names begin with.
    """

    architecture: str
    dialect: str
    task: str
    stem: str
    head: str
    mark: str
    parts: str


_SEGMENTERS = (
    ("DynUNet", "MONAI", r"input_block\.conv1\.conv\.weight", r"output_block\.conv\.conv\.weight", r"bottleneck\..*",
     r"input_block|bottleneck|downsamples|upsamples|output_block|skip_layers|heads|deep_supervision_heads"),
    ("SwinUNETR", "MONAI", r"swinViT\.patch_embed\.proj\.weight", r"out\.conv\.conv\.weight", r"swinViT\.layers1\..*",
     r"swinViT|encoder\d+|decoder\d+|out"),
    ("UNETR", "MONAI", r"encoder1\.layer\.conv1\.conv\.weight", r"out\.conv\.conv\.weight", r"vit\.blocks\..*",
     r"vit|encoder\d+|decoder\d+|out"),
    ("VNet", "MONAI", r"in_tr\.conv_block\.conv\.weight", r"out_tr\.conv2\.(?:conv\.)?weight", r"down_tr64\..*",
     r"in_tr|out_tr|down_tr\d+|up_tr\d+"),
    ("AttentionUnet", "MONAI", r"model\.0\.conv\.0\.conv\.weight", r"model\.2\.conv\.weight", r".*\.attention\.W_g\..*",
     r"model"),
    ("SegResNetDS", "MONAI", r"encoder\.conv_init\.weight", r"up_layers\.\d+\.head\.weight", r"encoder\.layers\..*",
     r"encoder|up_layers"),
    ("BasicUNetPlusPlus", "MONAI", r"conv_0_0\.conv_0\.conv\.weight", r"final_conv_0_\d\.weight", r"upcat_0_\d\..*",
     r"conv_\d_\d|upcat_\d_\d|final_conv_0_\d"),
    ("FlexibleUNet", "MONAI", r"encoder\.(?:_conv_stem|conv1)\.weight", r"segmentation_head\.0\.weight",
     r"decoder\.blocks\.0\.convs\..*", r"encoder|decoder|segmentation_head"),
    ("U-Net", "segmentation_models_pytorch", r"encoder\.(?:conv1|_conv_stem|features\.conv0)\.weight",
     r"segmentation_head\.0\.weight", r"decoder\.blocks\.0\.conv1\..*", r"encoder|decoder|segmentation_head"),
    ("PlainConvUNet", "nnU-Net 2", r"encoder\.stages\.0\.(?:0\.)?convs\.0\.conv\.weight", r"decoder\.seg_layers\.\d+\.weight",
     r"decoder\.transpconvs\..*", r"encoder|decoder"),
    ("ResidualEncoderUNet", "nnU-Net 2", r"encoder\.stem\.convs\.0\.conv\.weight", r"decoder\.seg_layers\.\d+\.weight",
     r"decoder\.transpconvs\..*", r"encoder|decoder"),
    ("Generic_UNet", "nnU-Net 1", r"conv_blocks_context\.0\.blocks\.0\.conv\.weight", r"seg_outputs\.\d+\.weight", r"tu\.0\..*",
     r"conv_blocks_context|conv_blocks_localization|td|tu|seg_outputs"),
)  # fmt: skip
_CLASSIFIERS = (
    ("ConvNeXt", "timm", r"stem\.0\.weight", r"head\.fc\.weight", r"stages\.0\.blocks\.0\.conv_dw\.weight",
     r"stem|stages|norm_pre|head"),
    ("ConvNeXt", "torchvision", r"features\.0\.0\.weight", r"classifier\.2\.weight", r"features\.1\.0\.layer_scale",
     r"features|classifier"),
    ("EfficientNet or MobileNet", "timm", r"conv_stem\.weight", r"classifier\.weight", r"blocks\.0\.0\.(?:conv_dw|conv)\.weight",
     r"conv_stem|bn1|blocks|conv_head|bn2|norm_head|classifier"),
    ("EfficientNet or MobileNet", "torchvision", r"features\.0\.0\.weight", r"classifier\.[13]\.weight",
     r"features\.1\.(?:0\.block|block|conv)\.0\.0\.weight", r"features|classifier"),
    ("EfficientNet", "MONAI or efficientnet_pytorch", r"_conv_stem\.(?:conv\.)?weight", r"_fc\.(?:linear\.)?weight",
     r"_blocks\.0\..*", r"_conv_stem|_bn0|_blocks|_conv_head|_bn1|_fc"),
    ("Swin Transformer", "timm or Microsoft", r"patch_embed\.proj\.weight", r"head\.(?:fc\.)?weight",
     r"layers\.0\.blocks\.0\.attn\.(?:relative_position_bias_table|logit_scale)", r"patch_embed|layers|norm|head"),
    ("Swin Transformer", "torchvision", r"features\.0\.0\.weight", r"head\.weight",
     r"features\.1\.0\.attn\.(?:relative_position_bias_table|logit_scale)", r"features|norm|head"),
    ("Swin Transformer", "Hugging Face", r"(?:swin\.)?embeddings\.patch_embeddings\.projection\.weight", r"classifier\.weight",
     r"(?:swin\.)?encoder\.layers\.0\.blocks\.0\..*", r"swin|embeddings|encoder|layernorm|classifier"),
    ("ViT", "Hugging Face", r"(?:\w+\.)?embeddings\.patch_embeddings\.projection\.weight", r"(?:cls_)?classifier\.weight",
     r"(?:\w+\.)?(?:encoder\.layer\.0\.attention\.attention\.query|layers\.0\.attention\.q_proj)\.weight",
     r"vit|deit|dinov2|embeddings|encoder|layers|layernorm|pooler|(?:cls_|distillation_)?classifier"),
    ("VGG", "torchvision", r"features\.0\.weight", r"classifier\.6\.weight", r"classifier\.3\.weight", r"features|classifier"),
    ("Inception v3", "torchvision", r"Conv2d_1a_3x3\.conv\.weight", r"fc\.weight", r"Mixed_5b\..*",
     r"Conv2d_\w+|Mixed_\w+|AuxLogits|fc"),
)  # fmt: skip
_DETECTORS = (
    ("YOLO", "Ultralytics", r"model\.0\.conv\.weight", r"model\.\d+\.cv3\.\d\.2\.weight", r"model\.2\.cv1\.conv\.weight",
     r"model"),
)  # fmt: skip
NETWORKS = tuple(
    Named(name, dialect, task, *patterns)
    for task, rows in (("segmenter", _SEGMENTERS), ("classifier", _CLASSIFIERS), ("detector", _DETECTORS))
    for name, dialect, *patterns in rows
)


def match_named(tensors: dict[str, Tensor]) -> Match | None:
    """The network whose names these are; None for names of none."""
    for one in NETWORKS:
        stem = _last(tensors, one.stem)
        if stem is None or stem.ndim not in (4, 5) or _last(tensors, one.mark) is None:
            continue
        head = _last(tensors, one.head)
        own = re.compile(rf"(?:{one.parts})\..*")
        batch = any(name.endswith("running_mean") for name in tensors)
        return Match(
            architecture=one.architecture,
            dialect=one.dialect,
            task=one.task,
            dimensions=stem.ndim - 2,
            channels=stem.shape[1],
            classes=head.shape[0] if head is not None and head.ndim else None,
            layout={
                name: tuple(tensor.shape) for name, tensor in tensors.items() if own.fullmatch(name) or "." not in name
            },
            tensors=tensors,
            assumptions=("it is known by its names alone: size and settings were not checked",),
            normalisation="BatchNorm" if batch else "LayerNorm, InstanceNorm or GroupNorm, which store no statistics",
        )
    return None


def _last(tensors: dict[str, Tensor], pattern: str) -> Tensor | None:
    """The last tensor whose whole name fits."""
    compiled = re.compile(pattern)
    return next((tensor for name, tensor in reversed(tensors.items()) if compiled.fullmatch(name)), None)
