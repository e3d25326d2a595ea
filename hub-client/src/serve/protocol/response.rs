//! From outputs to the body of an answer.

use serde::{Serialize, Serializer};

use super::{Asked, BYTES};
use crate::serve::error::RequestError;

/// An output.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::serve) struct Tensor {
    pub(in crate::serve) name: &'static str,
    pub(in crate::serve) shape: Vec<usize>,
    pub(in crate::serve) values: Values,
}

/// The elements of a tensor, in C order.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::serve) enum Values {
    Texts(Vec<String>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
    Booleans(Vec<bool>),
}

impl Values {
    pub(in crate::serve) fn datatype(&self) -> &'static str {
        match self {
            Self::Texts(_) => BYTES,
            Self::Floats(_) => "FP32",
            Self::Doubles(_) => "FP64",
            Self::Booleans(_) => "BOOL",
        }
    }

    /// Little-endian, without padding; texts after their lengths.
    fn write_binary(&self, out: &mut Vec<u8>) {
        match self {
            Self::Texts(texts) => {
                for text in texts {
                    // Names of classes have 200 bytes at most.
                    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                    out.extend_from_slice(&length.to_le_bytes());
                    out.extend_from_slice(text.as_bytes());
                }
            }
            Self::Floats(values) => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::Doubles(values) => {
                out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
            Self::Booleans(values) => out.extend(values.iter().map(|&value| u8::from(value))),
        }
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Texts(values) => values.serialize(serializer),
            Self::Floats(values) => values.serialize(serializer),
            Self::Doubles(values) => values.serialize(serializer),
            Self::Booleans(values) => values.serialize(serializer),
        }
    }
}

#[derive(Serialize)]
struct Response<'a> {
    model_name: &'a str,
    model_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    outputs: Vec<Output<'a>>,
}

#[derive(Serialize)]
struct Output<'a> {
    name: &'a str,
    datatype: &'a str,
    shape: &'a [usize],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<OutputParameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Values>,
}

#[derive(Serialize)]
struct OutputParameters {
    binary_data_size: usize,
}

/// The body of an answer.
pub(in crate::serve) struct Body {
    /// The bytes.
    pub(in crate::serve) bytes: Vec<u8>,
    /// How many of them are JSON, when others follow.
    pub(in crate::serve) header_length: Option<usize>,
}

/// Answers a request to a head with the outputs that it wants, in the order in which it names them.
///
/// # Errors
/// [`RequestError::Output`] for an output that is not there.
pub(in crate::serve) fn respond(
    (name, version): (&str, u32),
    asked: &Asked,
    tensors: &[Tensor],
) -> Result<Body, RequestError> {
    let find = |(name, is_binary): &(String, Option<bool>)| {
        let tensor = tensors.iter().find(|tensor| tensor.name == name);
        let tensor = tensor.ok_or_else(|| RequestError::Output {
            found: name.chars().take(80).collect(),
            known: tensors
                .iter()
                .map(|tensor| format!("`{}`", tensor.name))
                .collect::<Vec<_>>()
                .join(", "),
        })?;
        Ok::<_, RequestError>((tensor, is_binary.unwrap_or(asked.is_binary)))
    };
    let wanted: Vec<(&Tensor, bool)> = match asked.outputs.as_slice() {
        [] => tensors
            .iter()
            .map(|tensor| (tensor, asked.is_binary))
            .collect(),
        outputs => outputs.iter().map(find).collect::<Result<_, _>>()?,
    };
    let mut binary = Vec::new();
    let outputs = wanted.iter().map(|&(tensor, is_binary)| {
        let before = binary.len();
        if is_binary {
            tensor.values.write_binary(&mut binary);
        }
        Output {
            name: tensor.name,
            datatype: tensor.values.datatype(),
            shape: &tensor.shape,
            parameters: is_binary.then(|| OutputParameters {
                binary_data_size: binary.len() - before,
            }),
            data: (!is_binary).then_some(&tensor.values),
        }
    });
    let response = Response {
        model_name: name,
        model_version: version.to_string(),
        id: asked.id.as_deref(),
        outputs: outputs.collect(),
    };
    let mut bytes = serde_json::to_vec(&response).map_err(|error| RequestError::Json {
        reason: error.to_string(),
    })?;
    let has_binary = wanted.iter().any(|&(_, is_binary)| is_binary);
    let header_length = has_binary.then_some(bytes.len());
    bytes.append(&mut binary);
    Ok(Body {
        bytes,
        header_length,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::{Value, json};

    fn tensors() -> Vec<Tensor> {
        let tensor = |name, shape: &[usize], values| Tensor {
            name,
            shape: shape.to_vec(),
            values,
        };
        vec![
            tensor("label", &[1], Values::Texts(vec!["é".to_owned()])),
            tensor("probabilities", &[1, 2], Values::Floats(vec![0.1, 0.9])),
            tensor("distance", &[1], Values::Doubles(vec![0.25])),
            tensor("plausible", &[1, 2], Values::Booleans(vec![false, true])),
        ]
    }

    fn asked(outputs: &[(&str, Option<bool>)], is_binary: bool) -> Asked {
        let outputs = outputs.iter().map(|&(name, how)| (name.to_owned(), how));
        Asked {
            id: Some("42".to_owned()),
            pictures: Vec::new(),
            outputs: outputs.collect(),
            is_binary,
        }
    }

    #[test]
    fn outputs_are_json_unless_binary_data_is_wanted() {
        let body = respond(("kinds", 3), &asked(&[], false), &tensors()).unwrap();
        assert_eq!(body.header_length, None);
        let value: Value = serde_json::from_slice(&body.bytes).unwrap();
        let probabilities = json!({"name": "probabilities", "datatype": "FP32", "shape": [1, 2], "data": [0.1, 0.9]});
        assert_eq!(
            (&value["model_name"], &value["model_version"], &value["id"]),
            (&json!("kinds"), &json!("3"), &json!("42"))
        );
        assert_eq!(value["outputs"][1], probabilities);
        assert_eq!(value["outputs"][3]["data"], json!([false, true]));
    }

    #[test]
    fn binary_data_follows_in_the_order_of_the_outputs() {
        let wanted = [
            ("probabilities", None),
            ("label", None),
            ("plausible", Some(false)),
        ];
        let body = respond(("kinds", 3), &asked(&wanted, true), &tensors()).unwrap();
        let (header, binary) = body.bytes.split_at(body.header_length.unwrap());
        let value: Value = serde_json::from_slice(header).unwrap();
        let sizes = [0, 1, 2]
            .map(|place| value["outputs"][place]["parameters"]["binary_data_size"].as_u64());
        assert_eq!(sizes, [Some(8), Some(6), None]);
        let floats = [0.1_f32, 0.9].map(f32::to_le_bytes).concat();
        assert_eq!(
            binary,
            [&floats[..], &[2, 0, 0, 0], "é".as_bytes()].concat()
        );
        let unknown = respond(("kinds", 3), &asked(&[("logits", None)], true), &tensors());
        let error = unknown.err().unwrap().to_string();
        assert!(
            error.contains("`logits`") && error.contains("`label`"),
            "{error}"
        );
    }
}
