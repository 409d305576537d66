# make demo and make test do all the set-up that they need on a Debian machine
# with Go, as root (or with sudo).

GO      ?= go
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
SCRIPTS := .ci/run internal/mtatest/*.sh plugins/exec-example/outbound-tls packaging/*.sh packaging/test/*.sh packaging/test/inside/*.sh \
	packaging/scripts/* packaging/deb/p* packaging/deb/tlswarden.init packaging/rpm/p* packaging/apk/p* packaging/arch/p*
PYTHON  := python3-grpcio python3-protobuf
VERSION := $(shell packaging/version.sh 2>/dev/null || echo devel)
# One set of flags for all that is built and tested here, so that nothing is compiled
# twice. With the race detector, which needs all that is below once more, only what is
# asked by many at once is tested.
export CGO_ENABLED = 0
export GOFLAGS    := $(shell $(GO) env GOFLAGS) -trimpath -buildvcs=false
RACE    := internal/daemon internal/gate internal/pluginhost internal/ratelimit milter policyd
# No test ends by this: it is for one that hangs.
TEST    := $(GO) test -shuffle=on -timeout 1h
# Shell that collects in $need what of Debian is not there, and gets it.
MISSING  = [ "$$(dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || need="$$need $$p"
INSTALL  = [ -z "$$need" ] || { $(SUDO) apt-get update -qq; $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$need; }
# What make lint runs besides Go, by the names of commands, which are those of Debian's packages.
LINTERS  = shellcheck mandoc
# Where make install puts things.
prefix     ?= /usr/local
sysconfdir ?= /etc
# How many inputs make fuzz gives each target.
FUZZ    ?= 100000x
# How long make soak runs.
SOAK    ?= 60s

.PHONY: build plugins install install-plugins uninstall run demo demo-plugins test unit mta test-matrix packages test-packages lint fuzz mutants bench soak vuln deps demo-deps clean

build: plugins
	$(GO) build -ldflags '-s -w -X main.version=$(VERSION)' -o build/tlswarden ./cmd/tlswarden

# The shipped plugins; the one in Python needs $(PYTHON) where it runs.
plugins:
	$(GO) build -ldflags '-s -w' -o build/plugins/ ./plugins/dns ./plugins/lookup
	install -d build/plugins/exec-example
	install -m 755 plugins/exec-example/exec_example.py plugins/exec-example/outbound-tls build/plugins/exec-example
	install -m 644 plugins/exec-example/tlswarden_plugin_v1_pb2.py build/plugins/exec-example

# What make build has made goes below prefix, and the configuration, where there is none
# yet, below sysconfdir; DESTDIR stands before all paths. make uninstall takes all of it
# away but the configuration and the state.
install install-plugins uninstall:
	@[ $@ = uninstall ] || [ -x build/tlswarden ] || $(MAKE) build
	@DESTDIR='$(DESTDIR)' prefix='$(prefix)' sysconfdir='$(sysconfdir)' packaging/install.sh $@

run: build
	build/tlswarden serve --config packaging/etc/tlswarden.toml

demo: demo-deps build
	$(GO) run ./internal/mtatest/demo build/tlswarden

demo-plugins: demo-deps build
	$(GO) run ./internal/mtatest/demo build/tlswarden build/plugins

# Fast tests first, then the real mail servers, of this release of Debian and of
# the next, the packages, then short fuzzing.
test: deps build lint unit mta
	@if $(SUDO) unshare --mount --propagation private true; then internal/mtatest/matrix.sh trixie && $(MAKE) test-packages; \
	else echo 'SKIPPED: mounts in a namespace are not permitted here, so the mail servers of trixie and the packages are not tried'; fi
	$(MAKE) fuzz FUZZ=3000x

unit:
	$(TEST) $$($(GO) list ./... | grep -vx $(foreach p,internal/mtatest $(RACE),-e tlswarden/$(p)))
	CGO_ENABLED=1 $(TEST) -race $(addprefix ./,$(RACE))

mta:
	$(TEST) -v -count=1 ./internal/mtatest

# The case files with the mail servers of two releases of Debian, each in a chroot.
test-matrix: deps
	internal/mtatest/matrix.sh bookworm trixie

lint:
	@need=; for p in $(LINTERS); do command -v $$p >/dev/null || need="$$need $$p"; done; \
	[ -z "$$need" ] || { echo "make lint needs$$need: run \"make deps\", or install what your system calls so" >&2; exit 1; }
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'not formatted by gofmt'; exit 1; }
	$(GO) vet ./...
	$(GO) tool -modfile=tools.mod staticcheck ./...
	shellcheck -x $(SCRIPTS)
	GOOS=freebsd $(GO) build -o /dev/null ./cmd/tlswarden
	@# Pages that are not installed here are not found. What mandoc has to say of its
	@# index of them goes to standard error, and would break lines in two.
	! mandoc -T lint docs/man/*.[1-8] 2>/dev/null | grep -v 'manual not found'

# deb, rpm, apk and Arch's, for amd64 and arm64, in build/packages.
packages:
	GO='$(GO)' packaging/build.sh

# The packages as users would have them, in two releases of Debian.
test-packages: deps build packages
	packaging/test/again.sh
	packaging/test/run.sh bookworm trixie

# Each fuzz target of the program in turn. A count of inputs, not a time: what is
# tested must not depend on the load of the machine. Without the race detector, which
# would make it several times slower. The compiler is told what go test -fuzz tells
# it, but for our packages alone: all that they use would be compiled once more.
fuzz:
	@set -e; cache=$$($(GO) env GOCACHE); \
	for p in $$(grep -rl --include=*_test.go --exclude-dir=mtatest '^func Fuzz' cmd internal milter plugins policyd rules | xargs -n1 dirname | sort -u); do \
	  $(GO) test -c -gcflags='tlswarden/...=-d=libfuzzer' -o build/fuzz.test ./$$p; \
	  for f in $$(grep -rhoE '^func Fuzz[A-Za-z0-9_]+' $$p/*_test.go | sed 's/func //'); do \
	    echo "fuzz $$p $$f"; \
	    (cd $$p && $(CURDIR)/build/fuzz.test -test.run '^$$' -test.fuzz "^$$f\$$" -test.fuzztime $(FUZZ) \
	      -test.fuzzminimizetime 10x -test.fuzzcachedir $$cache/fuzz/tlswarden/$$p); \
	  done; done

# Changes decisions of the program, one at a time, and prints those changes that no test
# notices. MUTANTS is a regular expression for some of them. It takes ten minutes or so.
mutants:
	$(GO) run ./internal/mutants '$(MUTANTS)'

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./rules ./internal/gate ./internal/pluginhost ./internal/message ./internal/tlsname ./internal/daemon ./policyd ./milter

# Mixed load on the real binary for a time, with a table at the end.
soak:
	TLSWARDEN_SOAK=$(SOAK) $(GO) test -count=1 -v -timeout 0 -run '^TestSoak$$' ./internal/loadtest

# Asks the Go vulnerability database on the net.
vuln:
	$(GO) run golang.org/x/vuln/cmd/govulncheck@latest ./...

deps: demo-deps
	@set -e; need=; \
	for p in debootstrap gcc iproute2 libc6-dev mandoc shellcheck openssl; do $(MISSING); done; $(INSTALL)
	@# The tests start a private PostgreSQL; the package is not to start one.
	@set -e; need=; ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need=postgresql; \
	[ -z "$$need" ] || [ -e /etc/postgresql-common/createcluster.conf ] || { $(SUDO) mkdir -p /etc/postgresql-common; \
	  echo 'create_main_cluster = false' | $(SUDO) tee /etc/postgresql-common/createcluster.conf >/dev/null; }; $(INSTALL)

demo-deps:
	internal/mtatest/install.sh
	@set -e; need=; for p in $(PYTHON); do $(MISSING); done; $(INSTALL)

clean:
	rm -rf build
