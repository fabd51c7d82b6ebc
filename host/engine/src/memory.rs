//! Linear memory of an instance, counted and limited.

/// Memory that the instance may have and has.
pub(crate) struct Memory {
    pub limit: usize,
    pub used: usize,
    /// Whether growth was refused.
    pub refused: bool,
}

impl Memory {
    /// For a new instance.
    pub fn new(limit: usize) -> Memory {
        Memory { limit, used: 0, refused: false }
    }
}

impl wasmtime::ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // A component may have several memories: they count together.
        let used = self.used - current.min(self.used) + desired;
        if used > self.limit {
            self.refused = true;
            return Ok(false);
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= maximum.unwrap_or(100_000).min(100_000))
    }
}
