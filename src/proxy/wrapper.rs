//! Implements what Pingora asks of a stream for one that wraps another: all of it is the inner stream's, but reading and writing.

/// Implements the traits for a type with a field `inner: Stream`; `alpn` is the protocol that the wrapper speaks, if TLS agreed on one.
macro_rules! wraps_stream {
    ($wrapper:ty, alpn: $alpn:expr) => {
        #[async_trait::async_trait]
        impl pingora::protocols::Shutdown for $wrapper {
            async fn shutdown(&mut self) {
                pingora::protocols::Shutdown::shutdown(self.inner.as_mut()).await;
            }
        }

        impl pingora::protocols::UniqueID for $wrapper {
            fn id(&self) -> pingora::protocols::UniqueIDType {
                self.inner.id()
            }
        }

        impl pingora::protocols::Ssl for $wrapper {
            fn selected_alpn_proto(&self) -> Option<pingora::protocols::ALPN> {
                $alpn
            }
        }

        impl pingora::protocols::Peek for $wrapper {}

        impl pingora::protocols::GetTimingDigest for $wrapper {
            fn get_timing_digest(&self) -> Vec<Option<pingora::protocols::TimingDigest>> {
                Vec::new()
            }
        }

        impl pingora::protocols::GetProxyDigest for $wrapper {
            fn get_proxy_digest(
                &self,
            ) -> Option<std::sync::Arc<pingora::protocols::raw_connect::ProxyDigest>> {
                self.inner.get_proxy_digest()
            }
        }

        impl pingora::protocols::GetSocketDigest for $wrapper {
            fn get_socket_digest(
                &self,
            ) -> Option<std::sync::Arc<pingora::protocols::SocketDigest>> {
                None
            }
        }
    };
}

pub(super) use wraps_stream;
