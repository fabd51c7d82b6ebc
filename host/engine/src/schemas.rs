//! The store's note on the schemas of its records.
//!
//! Invariant: every schema that any record may have is in the note. It is never forgotten, for only the
//! component could tell that no record of it is left.

use crate::generation::Description;
use rollcall_storage::Engine as Storage;

/// Name of the note.
const META_SCHEMAS: &str = "record-schemas";

/// Schemas that records in the store may have.
pub(crate) fn read(storage: &dyn Storage) -> Result<Vec<u32>, rollcall_storage::Error> {
    let stored = storage.get_meta(META_SCHEMAS)?;
    let corrupt = || rollcall_storage::Error::Corrupt("the note on record schemas");
    stored.map_or(Ok(Vec::new()), |bytes| postcard::from_bytes(&bytes).map_err(|_| corrupt()))
}

/// Notes, before the component's first step, that the store may hold records of its schema.
pub(crate) fn note(storage: &dyn Storage, description: &Description) -> Result<(), rollcall_storage::Error> {
    let mut schemas = read(storage)?;
    if !schemas.contains(&description.writes_schema) {
        schemas.push(description.writes_schema);
        storage.put_meta(META_SCHEMAS, &postcard::to_extend(&schemas, Vec::new()).unwrap_or_default())?;
    }
    Ok(())
}
