"""Which networks of torchvision and timm compute what ours do, and the weights that timm takes where none are named.

timm itself is never imported: its tags are those of timm 1.0.31, and its weights lie in repositories of the Hugging
Face hub named `timm/NAME.TAG`.
"""

from __future__ import annotations

from topfive.errors import need

_IN_TORCHVISION = {
    "mnasnet_b1": "mnasnet1_0",
    "regnety_004": "regnet_y_400mf",
    "regnety_016": "regnet_y_1_6gf",
    "regnety_032": "regnet_y_3_2gf",
    "regnety_160": "regnet_y_16gf",
    "regnety_320": "regnet_y_32gf",
    "resnet50b": "resnet50",
    "inception_v3_aux": "inception_v3",
}
_IN_TIMM = {
    "resnet50b": "resnet50",
    "xception": "legacy_xception",
    **{f"se_resnet{depth}": f"legacy_seresnet{depth}" for depth in (50, 101, 152)},
    **{f"se_resnext{depth}_32x4d": f"legacy_seresnext{depth}_32x4d" for depth in (50, 101)},
    "senet154": "legacy_senet154",
    "mobilenet_v1": "mobilenetv1_100",
    "mobilenet_v2": "mobilenetv2_100",
    "mobilenet_v2_140": "mobilenetv2_140",
    "tf_mobilenet_v3_large": "tf_mobilenetv3_large_100",
    "tf_mobilenet_v3_small": "tf_mobilenetv3_small_100",
    "nasnet_a_large": "nasnetalarge",
    "pnasnet5_large": "pnasnet5large",
    "mnasnet_a1": "semnasnet_100",
    "mnasnet_b1": "mnasnet_100",
    "vit_b_16": "vit_base_patch16_224",
    "vit_s_16": "vit_small_patch16_224",
}
# Of one name and one set of tensors, and of another arithmetic: epsilon (ours is torchvision's), or slope.
_OTHERS_IN_TIMM = {"efficientnet_b5", "efficientnet_b6", "efficientnet_b7", "darknet53"}


def in_torchvision(model: str) -> str | None:
    """torchvision's name of the same network, None where it has none."""
    library = need("torchvision", "train").models
    name = _IN_TORCHVISION.get(model, model)
    return name if name in library.list_models(library) else None


def in_timm(model: str) -> str | None:
    """timm's name of the same network, None where it has none."""
    name = _IN_TIMM.get(model, model)
    return name if name in TAGS and model not in _OTHERS_IN_TIMM else None


def of_timm(name: str) -> str:
    """Our name of timm's network `name`; any other name stays."""
    return next((ours for ours, theirs in _IN_TIMM.items() if theirs == name and ours != "resnet50b"), name)


TAGS = {
    "vgg11": "tv_in1k",
    "vgg11_bn": "tv_in1k",
    "vgg13": "tv_in1k",
    "vgg13_bn": "tv_in1k",
    "vgg16": "tv_in1k",
    "vgg16_bn": "tv_in1k",
    "vgg19": "tv_in1k",
    "vgg19_bn": "tv_in1k",
    "resnet18": "a1_in1k",
    "resnet34": "a1_in1k",
    "resnet50": "a1_in1k",
    "resnet101": "a1h_in1k",
    "resnet152": "a1h_in1k",
    "resnet50c": "gluon_in1k",
    "resnet50d": "ra2_in1k",
    "resnet101d": "ra2_in1k",
    "resnet152d": "ra2_in1k",
    "wide_resnet50_2": "racm_in1k",
    "wide_resnet101_2": "tv_in1k",
    "resnext50_32x4d": "a1h_in1k",
    "resnext101_32x4d": "fb_ssl_yfcc100m_ft_in1k",
    "resnext101_64x4d": "c1_in1k",
    "densenet121": "ra_in1k",
    "densenet169": "tv_in1k",
    "densenet201": "tv_in1k",
    "densenet161": "tv_in1k",
    "inception_v3": "tv_in1k",
    "inception_v4": "tf_in1k",
    "inception_resnet_v2": "tf_in1k",
    "legacy_xception": "tf_in1k",
    "darknet53": "c2ns_in1k",
    "mobilenetv1_100": "ra4_e3600_r224_in1k",
    "mobilenetv2_100": "ra_in1k",
    "mobilenetv2_140": "ra_in1k",
    "mobilenetv3_large_075": "",
    "mobilenetv3_large_100": "ra_in1k",
    "mobilenetv3_small_075": "lamb_in1k",
    "mobilenetv3_small_100": "lamb_in1k",
    "tf_mobilenetv3_large_075": "in1k",
    "tf_mobilenetv3_large_100": "in1k",
    "tf_mobilenetv3_small_075": "in1k",
    "tf_mobilenetv3_small_100": "in1k",
    "legacy_seresnet50": "in1k",
    "legacy_seresnet101": "in1k",
    "legacy_seresnet152": "in1k",
    "legacy_seresnext50_32x4d": "in1k",
    "legacy_seresnext101_32x4d": "in1k",
    "legacy_senet154": "in1k",
    "nasnetalarge": "tf_in1k",
    "pnasnet5large": "tf_in1k",
    "mnasnet_100": "rmsp_in1k",
    "mnasnet_small": "lamb_in1k",
    "semnasnet_100": "rmsp_in1k",
    "efficientnet_b0": "ra_in1k",
    "efficientnet_b1": "ra4_e3600_r240_in1k",
    "efficientnet_b2": "ra_in1k",
    "efficientnet_b3": "ra2_in1k",
    "efficientnet_b4": "ra2_in1k",
    "efficientnet_b5": "sw_in12k_ft_in1k",
    "efficientnet_b6": "",
    "efficientnet_b7": "",
    "tf_efficientnet_b0": "ns_jft_in1k",
    "tf_efficientnet_b1": "ns_jft_in1k",
    "tf_efficientnet_b2": "ns_jft_in1k",
    "tf_efficientnet_b3": "ns_jft_in1k",
    "tf_efficientnet_b4": "ns_jft_in1k",
    "tf_efficientnet_b5": "ns_jft_in1k",
    "tf_efficientnet_b6": "ns_jft_in1k",
    "tf_efficientnet_b7": "ns_jft_in1k",
    "efficientnet_lite0": "ra_in1k",
    "efficientnet_lite1": "",
    "efficientnet_lite2": "",
    "efficientnet_lite3": "",
    "efficientnet_lite4": "",
    "tf_efficientnet_lite0": "in1k",
    "tf_efficientnet_lite1": "in1k",
    "tf_efficientnet_lite2": "in1k",
    "tf_efficientnet_lite3": "in1k",
    "tf_efficientnet_lite4": "in1k",
    "efficientnetv2_s": "",
    "efficientnetv2_m": "",
    "efficientnetv2_l": "",
    "tf_efficientnetv2_s": "in21k_ft_in1k",
    "tf_efficientnetv2_m": "in21k_ft_in1k",
    "tf_efficientnetv2_l": "in21k_ft_in1k",
    "regnety_002": "pycls_in1k",
    "regnety_004": "tv2_in1k",
    "regnety_006": "pycls_in1k",
    "regnety_008": "pycls_in1k",
    "regnety_016": "tv2_in1k",
    "regnety_032": "ra_in1k",
    "regnety_040": "ra3_in1k",
    "regnety_064": "ra3_in1k",
    "regnety_080": "ra3_in1k",
    "regnety_120": "sw_in12k_ft_in1k",
    "regnety_160": "sw_in12k_ft_in1k",
    "regnety_320": "tv2_in1k",
    "convnext_tiny": "in12k_ft_in1k",
    "convnext_small": "in12k_ft_in1k",
    "convnext_base": "fb_in22k_ft_in1k",
    "vit_small_patch16_224": "augreg_in21k_ft_in1k",
    "vit_base_patch16_224": "augreg2_in21k_ft_in1k",
    "resnetv2_50": "a1h_in1k",
    "resnetv2_101": "a1h_in1k",
    "resnetv2_152": "",
}
"""timm's name to the tag, "" where timm has the network and publishes nothing for it."""
