//! The record at a session's end that says what was masked.

use super::{DecodeError, Decoder, Encoder};
use crate::audit::receipt::{Commitment, Leaves, Receipt, ReceiptColumn};

pub(super) const KIND: u8 = 41;

pub(super) fn encode(to: &mut Encoder<'_>, receipt: &Receipt) {
    to.length(receipt.policies.len());
    for policy in &receipt.policies {
        to.out.extend_from_slice(policy);
    }
    to.out.extend_from_slice(&receipt.detectors);
    for number in [receipt.statements, receipt.rows, receipt.bytes] {
        to.u64(number);
    }
    to.u8(u8::from(receipt.is_cut));
    to.length(receipt.columns.len());
    for column in &receipt.columns {
        to.str(&column.column);
        to.u64(column.rows);
        to.length(column.masked.len());
        for (kind, cells) in &column.masked {
            to.str(kind);
            to.u64(*cells);
        }
        to.u64(column.missed);
        to.u8(u8::from(column.commitment.is_some()));
        if let Some(commitment) = &column.commitment {
            to.out.extend_from_slice(&commitment.key);
            to.u64(commitment.values);
            to.out.extend_from_slice(&commitment.root);
        }
    }
    to.u8(u8::from(receipt.leaves.is_some()));
    if let Some(leaves) = &receipt.leaves {
        to.str(&leaves.file);
        to.out.extend_from_slice(&leaves.sha256);
    }
}

pub(super) fn decode(from: &mut Decoder<'_>) -> Result<Receipt, DecodeError> {
    Ok(Receipt {
        policies: from.list(Decoder::array)?,
        detectors: from.array()?,
        statements: from.u64()?,
        rows: from.u64()?,
        bytes: from.u64()?,
        is_cut: from.flag("is_cut")?,
        columns: from.list(column)?,
        leaves: match from.flag("leaves")? {
            true => Some(Leaves {
                file: from.string()?,
                sha256: from.array()?,
            }),
            false => None,
        },
    })
}

fn column(from: &mut Decoder<'_>) -> Result<ReceiptColumn, DecodeError> {
    Ok(ReceiptColumn {
        column: from.string()?,
        rows: from.u64()?,
        masked: from.list(|from| Ok((from.string()?, from.u64()?)))?,
        missed: from.u64()?,
        commitment: match from.flag("commitment")? {
            true => Some(Commitment {
                key: from.array()?,
                values: from.u64()?,
                root: from.array()?,
            }),
            false => None,
        },
    })
}
