//! Undoes the content coding of an answer as it comes, in pieces of bounded size whatever it expands to.

use std::fmt;
use std::io::{self, BufRead, ErrorKind, Read};

use brotli_decompressor::{BrotliDecoderParameter as Parameter, Decompressor};
use bytes::{Buf as _, Bytes};
use flate2::bufread::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use zstd::stream::read::Decoder as ZstdDecoder;

/// Bytes of a decoded piece.
const PIECE: usize = 32 * 1024;

/// Bytes of coded input that brotli copies at once.
const BROTLI_INPUT: usize = 4096;

/// Largest window, as a power of two, that a zstd frame may ask for: 8 MiB (RFC 8878 section 3.1.1.1.2).
const ZSTD_WINDOW_LOG: u32 = 23;

/// How the body of an answer is coded (RFC 9110 section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// The body is as it is.
    Identity,
    /// The format of RFC 1952.
    Gzip,
    /// RFC 1950, or RFC 1951 as some servers send it.
    Deflate,
    /// The format of RFC 7932.
    Brotli,
    /// The format of RFC 8878.
    Zstd,
}

/// A coding that is not known, or bytes that are not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body's coding cannot be undone")]
pub struct Undecodable;

/// Decodes the body of one answer.
pub struct Decoder {
    inner: Inner,
    buffer: Box<[u8]>,
    is_done: bool,
}

enum Inner {
    /// Whose first two bytes tell with or without the head of RFC 1950.
    Unknown(CodedInput),
    Gzip(Box<MultiGzDecoder<CodedInput>>),
    Inflate(Box<Inflate>),
    Brotli(Box<Decompressor<CodedInput>>),
    Zstd(Box<ZstdDecoder<'static, CodedInput>>),
}

/// RFC 1951, which the library's own reader does not check for its end.
struct Inflate {
    input: CodedInput,
    state: Decompress,
    has_ended: bool,
}

/// Coded bytes that have come and were not read yet.
#[derive(Debug, Default)]
struct CodedInput {
    bytes: Bytes,
    has_begun: bool,
    has_ended: bool,
}

impl Coding {
    /// Reads the head of an answer.
    ///
    /// # Errors
    /// When it names a coding that is not known, or more than one.
    pub fn of(headers: &HeaderMap) -> Result<Self, Undecodable> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let (first, more) = (values.next(), values.next());
        let Some(first) = first else {
            return Ok(Self::Identity);
        };
        if more.is_some() {
            return Err(Undecodable);
        }
        let name = first.as_bytes().trim_ascii().to_ascii_lowercase();
        match name.as_slice() {
            b"" | b"identity" => Ok(Self::Identity),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"deflate" => Ok(Self::Deflate),
            b"br" => Ok(Self::Brotli),
            b"zstd" => Ok(Self::Zstd),
            _ => Err(Undecodable),
        }
    }
}

impl Decoder {
    /// Begins a body; `None` where there is nothing to undo.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(coding: Coding) -> Result<Option<Self>, Undecodable> {
        let feed = CodedInput::default();
        let inner = match coding {
            Coding::Identity => return Ok(None),
            Coding::Gzip => Inner::Gzip(Box::new(MultiGzDecoder::new(feed))),
            Coding::Deflate => Inner::Unknown(feed),
            Coding::Brotli => {
                let mut decoder = Decompressor::new(feed, BROTLI_INPUT);
                // Windows of up to 1 GiB, which RFC 7932 does not know. Never refused before the first read.
                decoder.set_parameter(Parameter::BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
                Inner::Brotli(Box::new(decoder))
            }
            Coding::Zstd => {
                let mut decoder = ZstdDecoder::with_buffer(feed).map_err(|_| Undecodable)?;
                decoder
                    .window_log_max(ZSTD_WINDOW_LOG)
                    .map_err(|_| Undecodable)?;
                Inner::Zstd(Box::new(decoder))
            }
        };
        Ok(Some(Self {
            inner,
            buffer: vec![0; PIECE].into_boxed_slice(),
            is_done: false,
        }))
    }

    /// Takes coded bytes. Call it after [`Decoder::next_piece`] has returned `None`.
    pub fn feed(&mut self, bytes: Bytes) {
        if self.is_done {
            return;
        }
        let feed = self.inner.feed();
        feed.has_begun |= !bytes.is_empty();
        feed.bytes = if feed.bytes.is_empty() {
            bytes
        } else {
            [&feed.bytes[..], &bytes[..]].concat().into()
        };
    }

    /// Notes that no more bytes come.
    pub fn end(&mut self) {
        let feed = self.inner.feed();
        feed.has_ended = true;
        // A body that is empty, whatever it was to be coded with.
        self.is_done |= !feed.has_begun;
    }

    /// Returns the next decoded piece; `None` until more bytes have come, or at the end.
    ///
    /// # Errors
    /// When the bytes are not in the coding, or end within it.
    pub fn next_piece(&mut self) -> Result<Option<Bytes>, Undecodable> {
        if self.is_done || !self.inner.tell() {
            return Ok(None);
        }
        let Some(reader) = self.inner.reader() else {
            return Ok(None);
        };
        match reader.read(&mut self.buffer) {
            Ok(0) => {
                self.is_done = true;
                Ok(None)
            }
            Ok(read) => {
                let decoded = self.buffer.get(..read).unwrap_or_default();
                Ok(Some(Bytes::copy_from_slice(decoded)))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(_) => Err(Undecodable),
        }
    }
}

impl Inner {
    fn feed(&mut self) -> &mut CodedInput {
        match self {
            Self::Unknown(feed) => feed,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Inflate(decoder) => &mut decoder.input,
            Self::Brotli(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
        }
    }

    fn reader(&mut self) -> Option<&mut dyn Read> {
        match self {
            Self::Unknown(_) => None,
            Self::Gzip(decoder) => Some(decoder.as_mut()),
            Self::Inflate(decoder) => Some(decoder.as_mut()),
            Self::Brotli(decoder) => Some(decoder.as_mut()),
            Self::Zstd(decoder) => Some(decoder.as_mut()),
        }
    }

    /// Tells the two kinds of `deflate` apart; returns whether the coding is known by now.
    fn tell(&mut self) -> bool {
        let Self::Unknown(feed) = self else {
            return true;
        };
        let is_zlib = match feed.bytes.get(..2) {
            // RFC 1950 section 2.2.
            Some([method, flags]) => {
                let check = u16::from_be_bytes([*method, *flags]);
                method & 15 == 8 && check % 31 == 0
            }
            _ if feed.has_ended => false,
            _ => return false,
        };
        *self = Self::Inflate(Box::new(Inflate {
            input: std::mem::take(feed),
            state: Decompress::new(is_zlib),
            has_ended: false,
        }));
        true
    }
}

impl Read for Inflate {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.has_ended {
            let input = self.input.fill_buf()?;
            let is_cut = input.is_empty();
            let (taken, made) = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(input, out, FlushDecompress::None);
            let taken = self.state.total_in() - taken;
            let made = self.state.total_out() - made;
            self.has_ended = status? == Status::StreamEnd;
            self.input
                .consume(usize::try_from(taken).unwrap_or_default());
            if made > 0 {
                return Ok(usize::try_from(made).unwrap_or_default());
            }
            if is_cut && !self.has_ended {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}

impl Read for CodedInput {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for CodedInput {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.bytes.is_empty() && !self.has_ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(&self.bytes)
    }

    fn consume(&mut self, count: usize) {
        self.bytes.advance(count.min(self.bytes.len()));
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoder")
    }
}
