package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// accept is what docker and containerd ask for when they pull a manifest.
const accept = "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, " +
	"application/vnd.docker.distribution.manifest.v2+json, " +
	"application/vnd.docker.distribution.manifest.list.v2+json\r\n"

// target is one path to read, with the request made ahead of time.
type target struct {
	path string
	head []byte
	size int64 // what the body must be; -1 until the first answer tells
}

// group is the targets that one operation reads one after the other: one, or the parts of an image.
type group []*target

// loadGroups reads lines of `path size [path size ...]`, tab separated; size -1 says that the first answer tells.
func loadGroups(file, method, addr string) ([]group, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var groups []group
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields)%2 != 0 {
			return nil, fmt.Errorf("%s: a line is not pairs of path and size: %q", file, lines.Text())
		}
		var g group
		for i := 0; i < len(fields); i += 2 {
			size, err := strconv.ParseInt(fields[i+1], 10, 64)
			if err != nil {
				return nil, err
			}
			t := &target{path: fields[i], head: readHead(method, fields[i], addr)}
			t.size = size
			g = append(g, t)
		}
		groups = append(groups, g)
	}
	if len(groups) == 0 {
		return nil, fmt.Errorf("%s: no paths", file)
	}
	return groups, lines.Err()
}

func readHead(method, path, addr string) []byte {
	head := method + " " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: load\r\n"
	if strings.Contains(path, "/manifests/") {
		head += accept
	}
	return []byte(head + "\r\n")
}

// reader is the workload that reads groups over and over.
type reader struct {
	groups []group
	isHead bool
	random bool
	fresh  bool // no two requests are the same bytes, so that no answer can be kept for the next
	asked  int
}

func (l *reader) op(w *worker) error {
	var g group
	if l.random {
		g = l.groups[w.rng.Intn(len(l.groups))]
	} else {
		g = l.groups[w.turn%len(l.groups)]
		w.turn++
	}
	for _, t := range g {
		if err := l.read(w, t); err != nil {
			return err
		}
	}
	return nil
}

func (l *reader) read(w *worker, t *target) error {
	a, err := w.do(l.head(w, t), nil, l.isHead, nil)
	if err != nil {
		return err
	}
	if a.status != 200 {
		return fmt.Errorf("%s: status %d", t.path, a.status)
	}
	got := a.body
	if l.isHead {
		got = a.length
	}
	if t.size < 0 {
		t.size = got
	}
	if got != t.size {
		return fmt.Errorf("%s: %d bytes of %d", t.path, got, t.size)
	}
	w.count.requests++
	w.count.bytes += a.body
	return nil
}

func (l *reader) head(w *worker, t *target) []byte {
	if !l.fresh {
		return t.head
	}
	l.asked++
	b := append(w.scratch[:0], t.head[:len(t.head)-2]...)
	b = append(b, "X-Asked: "...)
	b = strconv.AppendInt(b, int64(l.asked), 10)
	w.scratch = append(b, "\r\n\r\n"...)
	return w.scratch
}

// verify fetches each path that names a digest once, before the clock, and compares the bytes with it.
func (l *reader) verify(w *worker, limit int) error {
	for i, g := range l.groups {
		if i == limit {
			return nil
		}
		for _, t := range g {
			_, want, named := strings.Cut(t.path, "sha256:")
			if !named || l.isHead {
				continue
			}
			sink := sha256.New()
			if _, err := w.do(t.head, nil, false, sink); err != nil {
				return err
			}
			if got := hex.EncodeToString(sink.Sum(nil)); got != want {
				return fmt.Errorf("%s: the bytes that came hash to %s", t.path, got)
			}
		}
	}
	return nil
}
