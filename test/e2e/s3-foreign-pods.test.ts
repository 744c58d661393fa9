// S3: nobody but the injected sidecar of a sealed pod gets a lease, whatever an author of pods has at hand.
