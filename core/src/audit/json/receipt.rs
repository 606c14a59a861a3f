//! What a session has masked.

use super::{Object, hex};
use crate::audit::receipt::{Receipt, ReceiptColumn};

pub(super) fn write(object: &mut Object, receipt: &Receipt) {
    object.text("event", "receipt");
    let policies: Vec<String> = receipt.policies.iter().map(|it| hex(it)).collect();
    object.texts("policies", &policies);
    object.text("detectors", &hex(&receipt.detectors));
    object.raw("statements", &receipt.statements.to_string());
    object.raw("rows", &receipt.rows.to_string());
    object.raw("bytes", &receipt.bytes.to_string());
    object.raw("is_cut", &receipt.is_cut.to_string());
    let columns: Vec<_> = receipt.columns.iter().map(column).collect();
    object.raw("columns", &format!("[{}]", columns.join(",")));
    match &receipt.leaves {
        Some(leaves) => {
            object.text("leaves_file", &leaves.file);
            object.text("leaves_sha256", &hex(&leaves.sha256));
        }
        None => object.raw("leaves_file", "null"),
    }
}

fn column(column: &ReceiptColumn) -> String {
    let mut object = Object::new();
    object.text("column", &column.column);
    object.raw("rows", &column.rows.to_string());
    let mut masked = Object::new();
    for (kind, cells) in &column.masked {
        masked.raw(kind, &cells.to_string());
    }
    object.raw("masked", &masked.finish());
    object.raw("missed", &column.missed.to_string());
    if let Some(commitment) = &column.commitment {
        object.raw("values", &commitment.values.to_string());
        object.text("key_hash", &hex(&commitment.key));
        object.text("root", &hex(&commitment.root));
    }
    object.finish()
}
