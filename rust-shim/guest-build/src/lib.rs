//! guest build
