//! The event state compositor (RFC 3903): publications, and the one document that they and sources outside make.
//!
//! | | |
//! |---|---|
//! | `publication.rs`, `partial_publication.rs` | PUBLISH, whole (RFC 3903) or in parts (RFC 5264) |
//! | `entity_tag.rs` | the tag that names what was published |
//! | `aggregate.rs` | the document, kept in step with what it is made of |

pub mod aggregate;
pub mod entity_tag;
pub mod partial_publication;
pub mod publication;
