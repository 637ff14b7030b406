"""PSPNet, UPerNet, FCN and DeepLabV3 of MMSegmentation (github.com/open-mmlab/mmsegmentation, 0.x and 1.x)."""
