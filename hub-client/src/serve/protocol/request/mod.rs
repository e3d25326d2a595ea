//! From the body of a request to encoded pictures.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::{Buf, Bytes};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::{BYTES, INPUT};
use crate::serve::error::RequestError;
use crate::worker::Live;

/// Most pictures of one request.
const PICTURES: usize = Live::PICTURES;

/// Most dimensions of a shape that an error repeats.
const SHOWN_DIMENSIONS: usize = 8;

/// Bytes of the length that stands before each picture.
const LENGTH_BYTES: usize = 4;

/// Base64 as it comes: with its padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a request asks.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::serve) struct Asked {
    pub(in crate::serve) id: Option<String>,
    /// Encoded pictures.
    pub(in crate::serve) pictures: Vec<Bytes>,
    /// Names of the outputs that are wanted, each once and with whether as binary data; all when there are none.
    pub(in crate::serve) outputs: Vec<(String, Option<bool>)>,
    /// Whether outputs are binary data that do not say otherwise.
    pub(in crate::serve) is_binary: bool,
}

#[derive(Deserialize)]
struct Request<'a> {
    id: Option<String>,
    #[serde(default)]
    parameters: RequestParameters,
    #[serde(borrow)]
    inputs: Vec<Input<'a>>,
    #[serde(default)]
    outputs: Vec<Output>,
}

#[derive(Default, Deserialize)]
struct RequestParameters {
    #[serde(default)]
    binary_data_output: bool,
}

#[derive(Deserialize)]
struct Input<'a> {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    #[serde(default)]
    parameters: InputParameters,
    #[serde(borrow)]
    data: Option<Texts<'a>>,
}

#[derive(Default, Deserialize)]
struct InputParameters {
    binary_data_size: Option<u64>,
    content_type: Option<String>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    #[serde(default)]
    parameters: OutputParameters,
}

#[derive(Default, Deserialize)]
struct OutputParameters {
    binary_data: Option<bool>,
    classification: Option<u64>,
}

/// Parses a body whose JSON part has `header_length` bytes: all of it when that is not said, none when it is
/// 0. `json_wanted` says how a raw request wants its answer.
///
/// # Errors
/// [`RequestError`] says what is wrong with it.
pub(in crate::serve) fn parse(
    body: &Bytes,
    header_length: Option<usize>,
    json_wanted: bool,
) -> Result<Asked, RequestError> {
    let length = match header_length {
        Some(0) => return raw(body, json_wanted),
        Some(length) if length > body.len() => return Err(RequestError::HeaderLength),
        Some(length) => length,
        None => body.len(),
    };
    let json = |error: serde_json::Error| RequestError::Json {
        reason: in_brief(&error),
    };
    let request: Request<'_> = serde_json::from_slice(&body[..length]).map_err(json)?;
    let [input] = request.inputs.as_slice() else {
        let found = request.inputs.len();
        return Err(RequestError::Inputs { found });
    };
    check(input)?;
    let binary = body.slice(length..);
    let pictures = match (&input.data, input.parameters.binary_data_size) {
        (Some(texts), None) if binary.is_empty() => texts.decode(&input.parameters)?,
        (Some(_), None) => return Err(binary_size(0, &binary)),
        (None, Some(size)) if size == binary.len() as u64 => elements(binary)?,
        (None, Some(size)) => return Err(binary_size(size, &binary)),
        _ => return Err(RequestError::NoData),
    };
    check_outputs(&request.outputs)?;
    let wanted = request.outputs.into_iter();
    let wanted = wanted.map(|output| match output.parameters.classification {
        Some(_) => Err(RequestError::Classification),
        None => Ok((output.name, output.parameters.binary_data)),
    });
    let asked = Asked {
        id: request.id,
        outputs: wanted.collect::<Result<_, _>>()?,
        is_binary: request.parameters.binary_data_output,
        pictures,
    };
    let is_shape_of = |count: usize| {
        let pictures = input.shape.first().copied();
        pictures == Some(count as u64) && matches!(input.shape[1..], [] | [1])
    };
    match asked.pictures.len() {
        0 => Err(RequestError::NoPicture),
        count if count > PICTURES => Err(RequestError::TooManyPictures { most: PICTURES }),
        count if is_shape_of(count) => Ok(asked),
        pictures => Err(RequestError::Shape {
            shape: input.shape.iter().take(SHOWN_DIMENSIONS).copied().collect(),
            pictures,
        }),
    }
}

fn check(input: &Input<'_>) -> Result<(), RequestError> {
    if input.name != INPUT {
        let found = short(&input.name);
        return Err(RequestError::InputName { found });
    }
    if input.datatype != BYTES {
        let found = short(&input.datatype);
        return Err(RequestError::Datatype { found });
    }
    Ok(())
}

/// What is asked for a thousand times would be in the answer a thousand times.
fn check_outputs(outputs: &[Output]) -> Result<(), RequestError> {
    let mut names = BTreeSet::new();
    for output in outputs {
        if !names.insert(output.name.as_str()) {
            let found = short(&output.name);
            return Err(RequestError::OutputTwice { found });
        }
    }
    Ok(())
}

fn binary_size(announced: u64, binary: &Bytes) -> RequestError {
    let found = binary.len();
    RequestError::BinarySize { announced, found }
}

/// A body that is one picture, with its length in front or without.
fn raw(body: &Bytes, json_wanted: bool) -> Result<Asked, RequestError> {
    if body.is_empty() {
        return Err(RequestError::NoPicture);
    }
    // No picture format begins with the length of what follows.
    let mut rest = body.clone();
    let is_prefixed = rest.len() > LENGTH_BYTES
        && u64::from(rest.get_u32_le()) == (body.len() - LENGTH_BYTES) as u64;
    Ok(Asked {
        id: None,
        pictures: vec![if is_prefixed { rest } else { body.clone() }],
        outputs: Vec::new(),
        is_binary: !json_wanted,
    })
}

/// The elements of a binary part, without a copy.
fn elements(mut binary: Bytes) -> Result<Vec<Bytes>, RequestError> {
    let mut pictures = Vec::new();
    while !binary.is_empty() {
        let index = pictures.len();
        if index == PICTURES {
            return Err(RequestError::TooManyPictures { most: PICTURES });
        }
        let length = binary.try_get_u32_le().ok();
        let length = length.and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|&length| length <= binary.len());
        pictures.push(binary.split_to(length.ok_or(RequestError::BinaryElement { index })?));
    }
    Ok(pictures)
}

/// Texts in one list or in lists of lists, in their order.
struct Texts<'a>(Vec<Cow<'a, str>>);

impl Texts<'_> {
    fn decode(&self, parameters: &InputParameters) -> Result<Vec<Bytes>, RequestError> {
        if let Some(found) = &parameters.content_type
            && found != "base64"
        {
            let found = short(found);
            return Err(RequestError::ContentType { found });
        }
        let decode = |(index, text): (usize, &Cow<'_, str>)| {
            // Tools that write base64 break lines.
            let is_space = |byte: &u8| byte.is_ascii_whitespace();
            let decoded = match text.as_bytes().iter().any(is_space) {
                true => {
                    let bytes = text.bytes().filter(|byte| !is_space(byte));
                    BASE64.decode(bytes.collect::<Vec<_>>())
                }
                false => BASE64.decode(text.as_bytes()),
            };
            decoded
                .map(Bytes::from)
                .map_err(|_| RequestError::Base64 { index })
        };
        self.0.iter().enumerate().map(decode).collect()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut texts = Vec::new();
        Flat(&mut texts).deserialize(deserializer)?;
        Ok(Self(texts))
    }
}

/// Puts texts of any depth into one list.
struct Flat<'list, 'de>(&'list mut Vec<Cow<'de, str>>);

impl<'de> Flat<'_, 'de> {
    fn push<E: serde::de::Error>(self, text: Cow<'de, str>) -> Result<(), E> {
        if self.0.len() == PICTURES {
            return Err(E::custom(format_args!(
                "it has more than {PICTURES} pictures"
            )));
        }
        self.0.push(text);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Flat<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Flat<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pictures as base64")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<(), E> {
        self.push(Cow::Borrowed(text))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.push(Cow::Owned(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Flat(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

/// What is wrong with JSON. Values that are not what was expected may be long, and are not sent back whole.
fn in_brief(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.len() <= 200 {
        true => text,
        false => format!(
            "{}… at line {} column {}",
            short(&text),
            error.line(),
            error.column()
        ),
    }
}

/// Takes a request apart; three bytes say how long its JSON part is said to be, and whether a picture's answer is
/// wanted as JSON. For `fuzz/` alone.
#[cfg(fuzzing)]
pub(in crate::serve) fn fuzz_request(asked: &[u8]) {
    let Some(([kind, low, high], body)) = asked.split_first_chunk::<3>() else {
        return;
    };
    let header_length = match kind % 4 {
        0 => None,
        1 => Some(0),
        _ => Some(usize::from(u16::from_le_bytes([*low, *high]))),
    };
    let body = Bytes::copy_from_slice(body);
    match parse(&body, header_length, kind & 4 == 0) {
        Ok(asked) => {
            assert!((1..=PICTURES).contains(&asked.pictures.len()));
            let pictures: usize = asked.pictures.iter().map(Bytes::len).sum();
            assert!(pictures <= body.len());
            let names = asked.outputs.iter().map(|(name, _)| name);
            assert_eq!(names.collect::<BTreeSet<_>>().len(), asked.outputs.len());
        }
        Err(error) => assert!(error.to_string().len() < 1000, "words, and no echo"),
    }
}

/// Text of a request as it stands in an error.
fn short(text: &str) -> String {
    text.chars()
        .take(80)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests;
