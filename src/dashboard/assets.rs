//! Serves the style sheet, the scripts and the icon under names that change with their content.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use crate::model::hex::hex;

/// Addresses of the files, for templates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Assets;

/// A file of this build.
struct Asset {
    stem: &'static str,
    extension: &'static str,
    content_type: &'static str,
    text: &'static str,
}

const FILES: [Asset; 5] = [
    Asset {
        stem: "style",
        extension: "css",
        content_type: "text/css; charset=utf-8",
        text: include_str!("assets/style.css"),
    },
    Asset {
        stem: "app",
        extension: "js",
        content_type: "text/javascript; charset=utf-8",
        text: include_str!("assets/app.js"),
    },
    Asset {
        stem: "live",
        extension: "js",
        content_type: "text/javascript; charset=utf-8",
        text: include_str!("assets/live.js"),
    },
    Asset {
        stem: "builder",
        extension: "js",
        content_type: "text/javascript; charset=utf-8",
        text: include_str!("assets/builder.js"),
    },
    Asset {
        stem: "icon",
        extension: "svg",
        content_type: "image/svg+xml",
        text: include_str!("assets/icon.svg"),
    },
];

static NAMES: LazyLock<Vec<(String, &'static Asset)>> = LazyLock::new(|| {
    let named = FILES.iter().map(|file| {
        let hash = hex(&Sha256::digest(file.text.as_bytes()));
        let short: String = hash.chars().take(12).collect();
        (format!("{}-{short}.{}", file.stem, file.extension), file)
    });
    named.collect()
});

impl Assets {
    /// Returns the address of a file.
    pub(super) fn of(self, stem: &str) -> String {
        let found = NAMES.iter().find(|(_, file)| file.stem == stem);
        found
            .map(|(name, _)| format!("/assets/{name}"))
            .unwrap_or_default()
    }
}

/// Serves a file; its name holds its hash, so it is never asked for twice.
pub(super) async fn serve(Path(name): Path<String>) -> Response {
    let Some((_, file)) = NAMES.iter().find(|(known, _)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, file.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, file.text).into_response()
}
