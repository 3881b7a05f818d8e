//! Records to chunks of HTTP.

/// Some records as one chunk of HTTP.
pub fn framed(records: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(records.len() + 16);
    chunk(&mut bytes, records.as_bytes());
    bytes
}

fn chunk(bytes: &mut Vec<u8>, body: &[u8]) {
    bytes.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(b"\r\n");
}

pub struct Wire {
    chunk_per_event: bool,
    bytes: Vec<u8>,
    pending: Vec<u8>,
}

impl Wire {
    pub fn new(chunk_per_event: bool) -> Self {
        Self { chunk_per_event, bytes: Vec::new(), pending: Vec::new() }
    }

    pub fn push(&mut self, record: &str) {
        if self.chunk_per_event {
            chunk(&mut self.bytes, record.as_bytes());
            return;
        }
        self.pending.extend_from_slice(record.as_bytes());
        while self.pending.len() >= 65_536 {
            let rest = self.pending.split_off(65_536);
            chunk(&mut self.bytes, &self.pending);
            self.pending = rest;
        }
    }

    pub fn finish(mut self) -> Vec<u8> {
        if !self.pending.is_empty() {
            chunk(&mut self.bytes, &self.pending);
        }
        self.bytes
    }
}
