"""captum: integrated gradients, saliency, DeepLift, occlusion and layer attributions."""

import torch
from _values import fill, numbers, tell
from captum.attr import DeepLift, IntegratedGradients, LayerGradCam, Occlusion, Saliency

nn = torch.nn
net = fill(nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3))).eval()
x = numbers(0, 2, 1, 6, 6).requires_grad_()
tell(
    integrated=IntegratedGradients(net).attribute(x, target=1, n_steps=20),
    saliency=Saliency(net).attribute(x, target=0),
    deeplift=DeepLift(net).attribute(x, target=2),
    occlusion=Occlusion(net).attribute(x, (1, 2, 2), strides=2, target=1),
    gradcam=LayerGradCam(net, net[0]).attribute(x, target=1),
)
