//! The Open Inference Protocol, version 2, over HTTP, with the binary tensor data extension.
//!
//! Sources: `specification/protocol/inference_rest.md` of github.com/kserve/open-inference-protocol, and
//! `docs/protocol/extension_binary_data.md` of github.com/triton-inference-server/server. The input is one
//! tensor of encoded pictures:
//!
//! - JSON holds text only. Pictures are base64 in it, which is what `content_type: base64` says; without a
//!   content type base64 is taken too, as no picture's own bytes are text.
//! - In the binary part each picture follows its length, four bytes, little-endian.
//! - A raw request (`Inference-Header-Content-Length: 0`) is one picture and nothing else.

mod request;
mod response;

#[cfg(fuzzing)]
pub(super) use self::request::fuzz_request;
pub(super) use self::request::{Asked, parse};
pub(super) use self::response::{Body, Tensor, Values, respond};

/// Header that says how long the JSON part of a body is.
pub(super) const HEADER_LENGTH: &str = "inference-header-content-length";

/// The name of the input.
pub(super) const INPUT: &str = "image";

/// The datatype of texts and encoded pictures.
pub(super) const BYTES: &str = "BYTES";

/// The extension this service knows.
pub(super) const EXTENSION: &str = "binary_tensor_data";
