//! The input of a foreign graph that takes pictures.

use registry_schema::onnx::write::Message;
use registry_schema::onnx::{
    AttributeValue, Dimension, ElementType, InfoPart, attribute, node, value_info,
};
use registry_schema::preprocess::{Input, Layout};
use serde::Serialize;

use super::ForgeError;

/// How a graph takes pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageInput {
    /// Name of the input.
    pub tensor: String,
    /// Type of its numbers: float32, float16 or uint8.
    pub element: ElementType,
    /// How many pictures at a time.
    pub batch: Dimension,
    /// Order of the sides.
    pub layout: Layout,
    /// 1 or 3.
    pub channels: u32,
    /// Pixels, where the graph says how many.
    pub width: Option<u32>,
    /// Pixels, where the graph says how many.
    pub height: Option<u32>,
}

impl ImageInput {
    /// Of the inputs that a graph reads.
    pub(super) fn of(inputs: &[&InfoPart]) -> Result<Self, ForgeError> {
        let [input] = inputs else {
            let shown: Vec<String> = inputs.iter().take(8).map(|input| shown(input)).collect();
            return Err(ForgeError::Inputs {
                found: match shown.as_slice() {
                    [] => "none".to_owned(),
                    all => format!("{}: {}", inputs.len(), all.join("; ")),
                },
            });
        };
        let not_an_image = || ForgeError::NotAnImage {
            input: shown(input),
        };
        let element = input.element.ok_or_else(not_an_image)?;
        if !matches!(
            element,
            ElementType::Float32 | ElementType::Float16 | ElementType::Uint8
        ) {
            return Err(ForgeError::InputType {
                input: input.name.escape_debug().to_string(),
                element: element.to_string(),
            });
        }
        let Some([batch, one, two, three]) = input.shape.as_deref() else {
            return Err(not_an_image());
        };
        let channels = |side: &Dimension| match side.fixed() {
            Some(1) => Some(1),
            Some(3) => Some(3),
            _ => None,
        };
        // Both ends may look like channels: first is the custom of ONNX.
        let (layout, channels, height, width) = match (channels(one), channels(three)) {
            (Some(1), Some(last)) => (Layout::Nhwc, last, one, two),
            (Some(first), _) => (Layout::Nchw, first, two, three),
            (None, Some(last)) => (Layout::Nhwc, last, one, two),
            (None, None) => return Err(not_an_image()),
        };
        let side = |side: &Dimension| side.fixed().and_then(|size| u32::try_from(size).ok());
        Ok(Self {
            tensor: input.name.clone(),
            element,
            batch: batch.clone(),
            layout,
            channels,
            width: side(width),
            height: side(height),
        })
    }

    /// Width and height: those of the graph, or those asked for where it leaves them open.
    pub(super) fn size(&self, asked: Option<(u32, u32)>) -> Result<(u32, u32), ForgeError> {
        let width = self.width.or(asked.map(|size| size.0));
        let height = self.height.or(asked.map(|size| size.1));
        let size = width.zip(height).ok_or(ForgeError::NoSize)?;
        match asked {
            Some(asked) if asked != size => Err(ForgeError::OtherSize {
                stated: format!("{}×{}", size.0, size.1),
                asked: format!("{}×{}", asked.0, asked.1),
            }),
            _ => Ok(size),
        }
    }

    /// Fits a preprocessing to the graph: tensor, size and layout are the graph's, the rest stays.
    pub(super) fn fitted(
        &self,
        input: &Input,
        asked: Option<(u32, u32)>,
    ) -> Result<Input, ForgeError> {
        let (width, height) = self.size(asked)?;
        if input.channels() != self.channels {
            return Err(ForgeError::Channels {
                graph: self.channels,
                preprocessing: input.channels(),
            });
        }
        let normalize = &input.normalize;
        let is_plain = normalize.scale == 1.0
            && normalize.mean.iter().all(|&mean| mean == 0.0)
            && normalize.std.iter().all(|&std| std == 1.0);
        if self.element == ElementType::Uint8 && !is_plain {
            return Err(ForgeError::Normalized);
        }
        Ok(Input {
            tensor: self.tensor.clone(),
            width,
            height,
            layout: self.layout,
            ..input.clone()
        })
    }

    /// Sides of a batch of so many pictures.
    pub(super) fn sides(&self, (width, height): (u32, u32), batch: usize) -> [usize; 4] {
        let [channels, width, height] = [self.channels, width, height].map(|side| side as usize);
        match self.layout {
            Layout::Nchw => [batch, channels, height, width],
            Layout::Nhwc => [batch, height, width, channels],
        }
    }

    /// The batch of the new graph. A batch of one is kept, since the graph may count on it.
    pub(super) fn new_batch(&self) -> Dimension {
        match &self.batch {
            one @ Dimension::Fixed(1) => one.clone(),
            Dimension::Named(name) => Dimension::Named(name.clone()),
            Dimension::Fixed(_) | Dimension::Unknown => Dimension::Named("batch".to_owned()),
        }
    }

    /// Fields of the new graph: a float32 input of that size and, where the graph takes other numbers, the node that
    /// makes them of it. The input is called `free` then.
    pub(super) fn fields(&self, size: (u32, u32), free: &str) -> (String, Message, Message) {
        let [_, sides @ ..] = self.sides(size, 1);
        let mut shape = vec![self.new_batch()];
        shape.extend(sides.map(|side| Dimension::Fixed(side as u64)));
        if self.element == ElementType::Float32 {
            let info = value_info(&self.tensor, ElementType::Float32, &shape);
            return (self.tensor.clone(), info, Message::new());
        }
        let to = attribute("to", AttributeValue::Integer(self.element.code()));
        let cast = node("Cast", &[free], &[&self.tensor], &[to]);
        let info = value_info(free, ElementType::Float32, &shape);
        (free.to_owned(), info, Message::new().message(1, &cast))
    }
}

fn shown(input: &InfoPart) -> String {
    registry_schema::onnx::TensorInfo {
        name: input.name.clone(),
        element_type: input.element,
        shape: input.shape.clone(),
    }
    .to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn info(element: ElementType, sides: [u64; 4]) -> InfoPart {
        let side = |size| match size {
            0 => Dimension::Unknown,
            size => Dimension::Fixed(size),
        };
        InfoPart {
            at: 0..0,
            name: "x".to_owned(),
            element: Some(element),
            shape: Some(sides.map(side).to_vec()),
        }
    }

    #[test]
    fn pictures_are_told_from_other_inputs() {
        let of = |sides| ImageInput::of(&[&info(ElementType::Float32, sides)]);
        let one = of([0, 3, 224, 0]).unwrap();
        assert_eq!(
            (one.layout, one.height, one.width),
            (Layout::Nchw, Some(224), None)
        );
        assert_eq!(one.size(Some((300, 224))).unwrap(), (300, 224));
        assert!(matches!(one.size(None), Err(ForgeError::NoSize)));
        assert!(matches!(
            one.size(Some((224, 1))),
            Err(ForgeError::OtherSize { .. })
        ));
        let last = of([1, 48, 192, 3]).unwrap();
        assert_eq!((last.layout, last.channels), (Layout::Nhwc, 3));
        assert_eq!(last.sides((192, 48), 2), [2, 48, 192, 3]);
        assert_eq!(of([1, 1, 28, 28]).unwrap().channels, 1);
        assert_eq!(of([1, 3, 8, 3]).unwrap().layout, Layout::Nchw);
        assert!(matches!(
            of([1, 4, 8, 8]),
            Err(ForgeError::NotAnImage { .. })
        ));
        let text = ImageInput::of(&[&info(ElementType::Int64, [1, 3, 8, 8])]);
        assert!(matches!(text, Err(ForgeError::InputType { .. })));
        assert!(matches!(
            ImageInput::of(&[]),
            Err(ForgeError::Inputs { .. })
        ));
    }
}
