//! Element types of tensors and how they are stored.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The type of a tensor's elements (TensorProto.DataType).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum ElementType {
    Float32,
    Uint8,
    Int8,
    Uint16,
    Int16,
    Int32,
    Int64,
    String,
    Bool,
    Float16,
    Float64,
    Uint32,
    Uint64,
    Complex64,
    Complex128,
    Bfloat16,
    Float8E4M3Fn,
    Float8E4M3Fnuz,
    Float8E5M2,
    Float8E5M2Fnuz,
    Uint4,
    Int4,
    Float4E2M1,
    Float8E8M0,
    Uint2,
    Int2,
}

impl ElementType {
    /// In the order of the standard's codes, from 1.
    const BY_CODE: [Self; 26] = [
        Self::Float32,
        Self::Uint8,
        Self::Int8,
        Self::Uint16,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::String,
        Self::Bool,
        Self::Float16,
        Self::Float64,
        Self::Uint32,
        Self::Uint64,
        Self::Complex64,
        Self::Complex128,
        Self::Bfloat16,
        Self::Float8E4M3Fn,
        Self::Float8E4M3Fnuz,
        Self::Float8E5M2,
        Self::Float8E5M2Fnuz,
        Self::Uint4,
        Self::Int4,
        Self::Float4E2M1,
        Self::Float8E8M0,
        Self::Uint2,
        Self::Int2,
    ];

    /// The standard's code, 1 to 26.
    pub(super) fn from_code(code: i32) -> Option<Self> {
        let index = usize::try_from(code).ok()?.checked_sub(1)?;
        Self::BY_CODE.get(index).copied()
    }

    /// The standard's code, 1 to 26.
    pub fn code(self) -> i64 {
        let index = Self::BY_CODE
            .iter()
            .position(|&element| element == self)
            .unwrap_or_default();
        index as i64 + 1
    }

    /// Bits of one element; a string counts as one byte, its least.
    pub(super) fn bits(self) -> u64 {
        match self {
            Self::Uint2 | Self::Int2 => 2,
            Self::Uint4 | Self::Int4 | Self::Float4E2M1 => 4,
            Self::Uint8
            | Self::Int8
            | Self::Bool
            | Self::String
            | Self::Float8E4M3Fn
            | Self::Float8E4M3Fnuz
            | Self::Float8E5M2
            | Self::Float8E5M2Fnuz
            | Self::Float8E8M0 => 8,
            Self::Uint16 | Self::Int16 | Self::Float16 | Self::Bfloat16 => 16,
            Self::Float32 | Self::Int32 | Self::Uint32 => 32,
            Self::Int64 | Self::Float64 | Self::Uint64 | Self::Complex64 => 64,
            Self::Complex128 => 128,
        }
    }

    /// TensorProto's field for data that is not raw, and how many of its entries `elements` elements take.
    pub(super) fn typed_storage(self, elements: u64) -> (u32, u64) {
        match self {
            Self::Float32 => (4, elements),
            Self::Complex64 => (4, elements.saturating_mul(2)),
            Self::String => (6, elements),
            Self::Int64 => (7, elements),
            Self::Float64 => (10, elements),
            Self::Complex128 => (10, elements.saturating_mul(2)),
            Self::Uint32 | Self::Uint64 => (11, elements),
            Self::Uint4 | Self::Int4 | Self::Float4E2M1 => (5, elements.div_ceil(2)),
            Self::Uint2 | Self::Int2 => (5, elements.div_ceil(4)),
            _ => (5, elements),
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&format!("{self:?}").to_lowercase())
    }
}
