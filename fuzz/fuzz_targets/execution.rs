#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| opencode_stream_fuzz::execution(data));
