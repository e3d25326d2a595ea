//! A member tells everybody that one of its keys is in wrong hands.

use registry_schema::api::StatementRecorded;
use registry_schema::keys::KeyId;
use registry_schema::statement::KeyCompromiseStatement;
use registry_schema::trust_root::{ConsortiumRoot, NOT_LOGGED};
use registry_schema::verify::{VerifiedKeyCompromise, verify_key_compromise};

use super::{SayError, speaker};
use crate::journal::Pen;
use crate::log_view::LogView;
use crate::logged;
use crate::registry::Registry;

/// Signs that a key of the signer's member is not to be believed from a log index on, and has it
/// recorded. It warns; what makes later signatures worthless is the trust root.
///
/// # Errors
/// [`SayError`], also when the key is no key of that member; nothing is recorded then.
pub async fn disown(
    key_id: KeyId,
    from_index: u64,
    reason: &str,
    pen: &Pen<'_>,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
) -> Result<(VerifiedKeyCompromise, StatementRecorded), SayError> {
    let member = speaker(pen, trust_root)?;
    if trust_root.member_of(&key_id) != Some(&member) {
        return Err(SayError::NotItsKey { key_id, member });
    }
    let statement = KeyCompromiseStatement {
        member,
        key_id,
        from_index,
        reason: reason.to_owned(),
    };
    let envelope = pen.sign(statement.to_payload())?.to_bytes();
    let verified = verify_key_compromise(trust_root, &envelope, NOT_LOGGED)?;
    let recorded = registry.take_key_back(&envelope).await?;
    logged::recorded(log, &envelope, recorded.log_index, &recorded.proof).await?;
    Ok((verified, recorded))
}
