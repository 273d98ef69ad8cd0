"""Every network of keras.applications and pretrainedmodels: the one here that takes its weights, or why none does."""

from __future__ import annotations

KERAS = {
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "ResNet50": "resnet50_v1",
    "ResNet101": "resnet101_v1",
    "ResNet152": "resnet152_v1",
    "DenseNet121": "densenet121",
    "DenseNet169": "densenet169",
    "DenseNet201": "densenet201",
    "Xception": "tf_xception",
    "InceptionV3": "tf_inception_v3",
    "InceptionResNetV2": "inception_resnet_v2",
    "MobileNet": "tf_mobilenet_v1",
    "MobileNetV2": "tf_mobilenet_v2",
    "MobileNetV3Small": "tf_mobilenet_v3_small",
    "MobileNetV3Large": "tf_mobilenet_v3_large",
    **{f"EfficientNetB{index}": f"tf_efficientnet_b{index}" for index in range(8)},
    **{f"EfficientNetV2{size}": f"tf_efficientnet_v2_{size.lower()}" for size in "SML"},
    "ConvNeXtTiny": "convnext_tiny",
    "ConvNeXtSmall": "convnext_small",
    "ConvNeXtBase": "convnext_base",
    "NASNetMobile": "tf_nasnet_a_mobile",
    "NASNetLarge": "tf_nasnet_a_large",
}
_PREACTIVATED = "strides in the last block of a stage and pools in its shortcut, as no paper's network does: refused"
KERAS_LEFT_OUT = {
    "ResNet50V2": _PREACTIVATED,
    "ResNet101V2": _PREACTIVATED,
    "ResNet152V2": _PREACTIVATED,
    **{f"EfficientNetV2B{index}": "a size of Keras' program, none of the paper's" for index in range(4)},
    "ConvNeXtLarge": "a size that is not here",
    "ConvNeXtXLarge": "a size that is not here",
}

_SAME_NAME = (
    *("alexnet", "bninception", "polynet", "senet154", "squeezenet1_0", "squeezenet1_1", "xception"),
    *(f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")),
    *(f"resnet{depth}" for depth in (18, 34, 50, 101, 152)),
    *(f"densenet{depth}" for depth in (121, 161, 169, 201)),
    *("resnext101_32x4d", "resnext101_64x4d", "se_resnext50_32x4d", "se_resnext101_32x4d"),
    *(f"se_resnet{depth}" for depth in (50, 101, 152)),
)
CADENE = {
    **{name: name for name in _SAME_NAME},
    "fbresnet152": "resnet152",
    "inceptionv3": "inception_v3",
    "inceptionv4": "inception_v4",
    "inceptionresnetv2": "inception_resnet_v2",
    "nasnetamobile": "nasnet_a_mobile",
    "nasnetalarge": "nasnet_a_large_paper",
    "pnasnet5large": "pnasnet5_large",
}
CADENE_LEFT_OUT = {
    "cafferesnet101": "Caffe's first pooling: refused by the name of its file",
    **{f"dpn{size}": "dual path networks are not here" for size in ("68", "68b", "92", "98", "107", "131")},
}
