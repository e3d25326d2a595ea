//! The preprocessing that was asked for.

use hub_client::forge::ImageInput;
use hub_client::publish;
use registry_schema::onnx::ElementType;
use registry_schema::preprocess::{Color, Input, Normalize, Resize, ResizeMode};

use crate::args::{CutArgs, NormalizeArg, PictureArgs};
use crate::context::Context;
use crate::error::CommandError;

/// Means and deviations of ImageNet's pictures, as its networks are trained with.
const IMAGENET: ([f64; 3], [f64; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

/// The preprocessing of a network that takes pictures as `image` says. What nothing was said of is remarked.
pub(super) fn preprocessing(
    args: &CutArgs,
    image: &ImageInput,
    context: &Context,
) -> Result<Input, CommandError> {
    if let Some(config) = &args.picture.from_preprocessor_config {
        return Ok(publish::import_preprocessor_config(config)?);
    }
    let PictureArgs {
        channels: color,
        resize,
        shortest,
        filter,
        ..
    } = &args.picture;
    let gray = (image.channels == 1).then_some(Color::Gray);
    let color = color.or(gray).unwrap_or_default();
    let channels = if color == Color::Gray { 1 } else { 3 };
    let mode = resize.unwrap_or(match shortest {
        Some(_) => ResizeMode::Shortest,
        None => ResizeMode::Exact,
    });
    Ok(Input {
        // Tensor, size and layout are the network's.
        tensor: image.tensor.clone(),
        width: image.width.unwrap_or(1),
        height: image.height.unwrap_or(1),
        layout: image.layout,
        color,
        exif_orientation: true,
        alpha: Default::default(),
        resize: Resize {
            mode,
            size: *shortest,
            filter: filter.unwrap_or_default(),
            ..Resize::default()
        },
        normalize: normalize(&args.picture, (image, channels), context),
    })
}

fn normalize(
    args: &PictureArgs,
    (image, channels): (&ImageInput, usize),
    context: &Context,
) -> Normalize {
    if !args.mean.is_empty() {
        return Normalize {
            scale: args.scale.unwrap_or(1.0 / 255.0),
            mean: args.mean.clone(),
            std: args.std.clone(),
        };
    }
    let takes_samples = image.element == ElementType::Uint8;
    let chosen = args.normalize.unwrap_or(match takes_samples {
        true => NormalizeArg::None,
        false => NormalizeArg::Imagenet,
    });
    if args.normalize.is_none() && !takes_samples {
        context.report().warn(
            "nothing says how samples become numbers: ImageNet's means and deviations are taken (--normalize says another way)",
        );
    }
    let all = |value: f64| vec![value; channels];
    let (scale, mean, std) = match chosen {
        NormalizeArg::Imagenet if channels == 1 => {
            let mean = |of: [f64; 3]| vec![of.iter().sum::<f64>() / 3.0];
            (1.0 / 255.0, mean(IMAGENET.0), mean(IMAGENET.1))
        }
        NormalizeArg::Imagenet => (1.0 / 255.0, IMAGENET.0.to_vec(), IMAGENET.1.to_vec()),
        NormalizeArg::Half => (1.0 / 255.0, all(0.5), all(0.5)),
        NormalizeArg::Unit => (1.0 / 255.0, all(0.0), all(1.0)),
        NormalizeArg::None => (1.0, all(0.0), all(1.0)),
    };
    Normalize { scale, mean, std }
}
