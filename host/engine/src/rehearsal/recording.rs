//! A recording: traces of steps as a stream of bytes, and what is needed to run them again.
//!
//! The stream begins with [`MAGIC`], which holds the number of the format. Frames follow: the length of the
//! payload in four bytes, least significant first, and the payload, a [`Frame`] in postcard's encoding. The
//! last one tells the end; a stream without it was cut off, and all frames before that can be read.
//!
//! Invariant: whatever the bytes are, reading them ends without a panic and takes no more memory than one
//! frame may have.

use super::trace::Trace;
use crate::compiled::Digest;
use crate::generation::Generation;
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use std::sync::Arc;

/// What a recording of this format begins with.
const MAGIC: &[u8] = b"rollcall recording 1\n";
/// What one of any format begins with.
const KIND: &[u8] = b"rollcall recording ";
/// Largest payload of a frame, in bytes. A step reads and stages far less.
const LARGEST: u32 = 256 << 20;

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// It cannot be read at all.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It begins otherwise.
    #[error("not a recording")]
    Foreign,
    /// Its format is another one.
    #[error("a recording of another format: {0:?}; this program reads {expected:?}", expected = String::from_utf8_lossy(MAGIC).trim())]
    Format(String),
    /// What stands there is no frame.
    #[error("damaged after {steps} steps")]
    Damaged {
        /// Steps read before.
        steps: u64,
    },
}

/// Where and how a recording began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beginning {
    /// Version of the engine.
    pub engine: String,
    /// Time of the host, in milliseconds since 1970-01-01T00:00:00Z.
    pub at: u64,
    /// Share of the partitions whose steps were wanted, from 0 to 1.
    pub share: f64,
}

/// A component whose steps were recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedComponent {
    pub(crate) digest: [u8; 32],
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Schema of the records that it writes.
    pub schema: u32,
    /// First byte of the keys and name of each kind of records.
    pub record_kinds: Vec<(u8, String)>,
    /// What it was configured with: a JSON object.
    pub configuration: String,
}

impl RecordedComponent {
    pub(crate) fn of(generation: &Generation) -> RecordedComponent {
        let description = &generation.description;
        RecordedComponent {
            digest: generation.digest.bytes(),
            name: description.name.clone(),
            version: description.version.clone(),
            schema: description.writes_schema,
            record_kinds: description
                .record_kinds
                .iter()
                .map(|kind| (kind.prefix, kind.name.clone()))
                .collect(),
            configuration: generation.configuration().to_owned(),
        }
    }

    /// SHA-256 of the component.
    pub fn digest(&self) -> Digest {
        self.digest.into()
    }
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// Somebody asked.
    Asked,
    /// The time that it was to last had passed.
    Time,
    /// It was as large as it may be.
    Limit,
    /// The engine stopped.
    Stopped,
}

/// How a recording ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Why.
    pub why: Why,
    /// Steps in it.
    pub steps: u64,
    /// Steps that were wanted and are not in it, because they came too fast.
    pub left_out: u64,
}

#[derive(Serialize, Deserialize)]
enum Frame {
    Beginning(Beginning),
    Component(RecordedComponent),
    Step(Box<Trace>),
    Ending(Ending),
}

/// Makes the bytes of a recording.
pub(crate) struct Writer {
    component: Option<[u8; 32]>,
}

impl Writer {
    /// Begins a recording.
    pub fn new(out: &mut Vec<u8>, at: u64, share: f64) -> Writer {
        out.extend_from_slice(MAGIC);
        let engine = env!("CARGO_PKG_VERSION").to_owned();
        frame(out, &Frame::Beginning(Beginning { engine, at, share }));
        Writer { component: None }
    }

    /// Adds a step, and what it has run on where that is another component than before.
    pub fn step(&mut self, out: &mut Vec<u8>, trace: &Trace, generation: &Generation) {
        self.step_of(out, trace, || RecordedComponent::of(generation));
    }

    fn step_of(&mut self, out: &mut Vec<u8>, trace: &Trace, component: impl FnOnce() -> RecordedComponent) {
        if self.component != Some(trace.component) {
            frame(out, &Frame::Component(component()));
            self.component = Some(trace.component);
        }
        // As `Frame::Step` would be, without a copy of the trace.
        framed(out, |out| {
            out.push(STEP);
            trace.encode(out);
        });
    }

    /// Ends the recording.
    pub fn end(self, out: &mut Vec<u8>, ending: Ending) {
        frame(out, &Frame::Ending(ending));
    }
}

/// Number of [`Frame::Step`].
const STEP: u8 = 2;

fn frame(out: &mut Vec<u8>, frame: &Frame) {
    framed(out, |out| {
        // Serialising these types into memory cannot fail; an empty frame would be told as damaged.
        *out = postcard::to_extend(frame, std::mem::take(out)).unwrap_or_default();
    });
}

pub(super) fn framed(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = u32::try_from(out.len().saturating_sub(start + 4)).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// What comes next in a recording.
#[derive(Debug)]
pub enum Item {
    /// The steps that follow have run on this component.
    Component(RecordedComponent),
    /// A step.
    Step(Arc<Trace>),
    /// The end.
    Ending(Ending),
}

/// Reads a recording.
#[derive(Debug)]
pub struct Recording<R> {
    source: R,
    beginning: Beginning,
    steps: u64,
    frame: Vec<u8>,
}

impl<R: Read> Recording<R> {
    /// Begins to read. `source` should have a buffer.
    ///
    /// # Errors
    /// It is no recording, or none of this format.
    pub fn open(mut source: R) -> Result<Recording<R>, RecordingError> {
        let mut magic = Vec::with_capacity(MAGIC.len());
        source.by_ref().take(MAGIC.len() as u64).read_to_end(&mut magic)?;
        if magic != MAGIC {
            return Err(if magic.starts_with(KIND) {
                RecordingError::Format(String::from_utf8_lossy(&magic).trim().to_owned())
            } else {
                RecordingError::Foreign
            });
        }
        let mut frame = Vec::new();
        match next(&mut source, &mut frame, 0)? {
            Some(Frame::Beginning(beginning)) => Ok(Recording { source, beginning, steps: 0, frame }),
            _ => Err(RecordingError::Damaged { steps: 0 }),
        }
    }

    /// Where and how it began.
    pub fn beginning(&self) -> &Beginning {
        &self.beginning
    }

    /// What comes next; none if the recording was cut off here.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn next_item(&mut self) -> Result<Option<Item>, RecordingError> {
        Ok(match next(&mut self.source, &mut self.frame, self.steps)? {
            None => None,
            Some(Frame::Component(component)) => Some(Item::Component(component)),
            Some(Frame::Step(trace)) => {
                self.steps += 1;
                Some(Item::Step(Arc::new(*trace)))
            }
            Some(Frame::Ending(ending)) => Some(Item::Ending(ending)),
            Some(Frame::Beginning(_)) => return Err(RecordingError::Damaged { steps: self.steps }),
        })
    }
}

fn next(source: &mut impl Read, frame: &mut Vec<u8>, steps: u64) -> Result<Option<Frame>, RecordingError> {
    let mut length = Vec::with_capacity(4);
    source.by_ref().take(4).read_to_end(&mut length)?;
    let Ok(length) = <[u8; 4]>::try_from(&length[..]) else { return Ok(None) };
    let length = u32::from_le_bytes(length);
    if length > LARGEST {
        return Err(RecordingError::Damaged { steps });
    }
    frame.clear();
    // No more memory than what is really there.
    source.by_ref().take(length.into()).read_to_end(frame)?;
    if frame.len() < length as usize {
        return Ok(None);
    }
    match postcard::take_from_bytes(frame) {
        Ok((frame, [])) => Ok(Some(frame)),
        _ => Err(RecordingError::Damaged { steps }),
    }
}

/// A recording of one step.
pub(crate) fn one(trace: &Trace, generation: &Generation) -> Vec<u8> {
    let mut out = Vec::with_capacity(8192);
    let mut writer = Writer::new(&mut out, trace.now, 1.0);
    writer.step(&mut out, trace, generation);
    writer.end(&mut out, Ending { why: Why::Asked, steps: 1, left_out: 0 });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::fuzzing;
    use crate::rehearsal::trace::{Call, Effects, End, Reads};
    use proptest::prelude::*;

    fn trace(number: u64) -> Trace {
        let mut reads = Reads::default();
        reads.records.insert(b"key".as_slice().into(), Some(b"value".as_slice().into()));
        reads.ranges.add(vec![1], None);
        Trace {
            number,
            component: [number as u8 / 2; 32],
            partition: Some("sip:alice@example.com".into()),
            now: 5,
            took: 6,
            call: Call::Recovery,
            reads,
            effects: Effects::default(),
            end: End::Done,
        }
    }

    fn component(digest: [u8; 32]) -> RecordedComponent {
        let (name, version, configuration) = ("a".to_owned(), "1".to_owned(), "{}".to_owned());
        let record_kinds = vec![(1, "record".to_owned())];
        RecordedComponent { digest, name, version, schema: 1, record_kinds, configuration }
    }

    fn recording(steps: u64) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, 7, 0.5);
        for number in 0..steps {
            let trace = trace(number);
            writer.step_of(&mut out, &trace, || component(trace.component));
        }
        writer.end(&mut out, Ending { why: Why::Time, steps, left_out: 2 });
        out
    }

    /// The steps of a recording, how often the component changes, and whether it has an end.
    fn read(bytes: &[u8]) -> Result<(Vec<Trace>, usize, bool), RecordingError> {
        let mut recording = Recording::open(bytes)?;
        let (mut steps, mut components) = (Vec::new(), 0);
        loop {
            match recording.next_item()? {
                Some(Item::Step(trace)) => steps.push((*trace).clone()),
                Some(Item::Component(_)) => components += 1,
                Some(Item::Ending(_)) => return Ok((steps, components, true)),
                None => return Ok((steps, components, false)),
            }
        }
    }

    #[test]
    fn a_recording_is_what_was_recorded() {
        let bytes = recording(6);
        let (steps, components, ended) = read(&bytes).unwrap();
        assert_eq!(steps, (0..6).map(trace).collect::<Vec<_>>());
        assert_eq!((components, ended), (3, true));
        assert_eq!(Recording::open(&bytes[..]).unwrap().beginning().share, 0.5);
    }

    #[test]
    fn a_recording_that_was_cut_off_is_read_up_to_there() {
        let bytes = recording(3);
        let mut most = 0;
        for end in MAGIC.len() + 40..bytes.len() {
            let (steps, _, ended) = read(&bytes[..end]).unwrap();
            assert!(!ended && steps.len() >= most);
            most = steps.len();
        }
        assert_eq!(most, 3);
    }

    #[test]
    fn what_is_no_recording_is_told() {
        assert!(matches!(read(b"\0asm"), Err(RecordingError::Foreign)));
        assert!(matches!(read(b"rollcall recording 9\nx"), Err(RecordingError::Format(_))));
        let mut bytes = recording(1);
        let last = bytes.len() - 5;
        bytes[last] = 0xff;
        assert!(matches!(read(&bytes), Err(RecordingError::Damaged { steps: 1 })));
        bytes[MAGIC.len() + 3] = 0xff;
        assert!(matches!(read(&bytes), Err(RecordingError::Damaged { steps: 0 })));
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(at in 0..600_usize, with in proptest::collection::vec(any::<u8>(), 0..8)) {
            let mut bytes = recording(2);
            let at = at.min(bytes.len());
            let end = (at + with.len()).min(bytes.len());
            bytes.splice(at..end, with);
            fuzzing::recording(&bytes);
        }
    }
}
