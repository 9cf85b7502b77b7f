# An image for CI jobs: the exit status is the job's, and what it left running is ended in good order before the
# container is. First, from the top of the repository, make the image `reinit`; BASE is the image that has your tools:
#
#     docker build -t reinit -f docker/Dockerfile .
#     docker build -t ci --build-arg BASE=debian:bookworm -f docker/ci.Dockerfile docker
#     docker run --rm -v "$PWD:/work" ci make test
#
ARG BASE=debian:bookworm-slim
FROM ${BASE}

COPY --from=reinit /reinit /usr/local/bin/reinit
WORKDIR /work

# When the job has ended, what it started and did not stop (a database, a browser, a daemon) gets TERM, this time to
# flush and to tidy up, and then KILL. A runner can say it otherwise: `docker run -e REINIT_LEFTOVER_TIMEOUT=1m`.
ENV REINIT_LEFTOVER_TIMEOUT=10s
# A cancelled job (TERM): a shell that waits for its command would not pass it on, so all of the job's group get it.
ENV REINIT_FORWARD_TO=group

ENTRYPOINT ["/usr/local/bin/reinit", "--"]
CMD ["/bin/bash"]
