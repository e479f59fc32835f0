package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	layerSize    = 4096
)

// pusher is the workload that pushes whole small images, every one with content of its own.
type pusher struct {
	addr   string
	prefix string // repositories are prefix-0, prefix-1, ...: one for each connection
	salt   string // makes content differ from every other run
}

func (l *pusher) op(w *worker) error {
	w.turn++
	name := fmt.Sprintf("%s-%d", l.prefix, w.id)
	mark := fmt.Sprintf("%s-%d-%d\n", l.salt, w.id, w.turn)
	layer := make([]byte, layerSize)
	w.rng.Read(layer)
	copy(layer, mark)
	layerDigest := digestOf(layer)
	config := []byte(fmt.Sprintf(`{"architecture":"amd64","os":"linux","created":"2026-01-01T00:00:00Z",`+
		`"config":{"Cmd":["/bin/sh"]},"rootfs":{"type":"layers","diff_ids":[%q]},`+
		`"history":[{"created":"2026-01-01T00:00:00Z","created_by":"bench"}]}`, layerDigest))
	configDigest := digestOf(config)
	for _, blob := range []struct {
		digest string
		data   []byte
	}{{configDigest, config}, {layerDigest, layer}} {
		if err := l.blob(w, name, blob.digest, blob.data); err != nil {
			return err
		}
	}
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":`+
		`"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[{"mediaType":`+
		`"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}]}`,
		manifestType, configDigest, len(config), layerDigest, layerSize)
	path := fmt.Sprintf("/v2/%s/manifests/t%d", name, w.turn)
	_, err := w.send("PUT", path, l.addr, "Content-Type: "+manifestType+"\r\n", []byte(manifest), 201)
	return err
}

// blob pushes one blob as docker does: is it there, open a session, stream, close.
func (l *pusher) blob(w *worker, name, digest string, data []byte) error {
	if _, err := w.send("HEAD", "/v2/"+name+"/blobs/"+digest, l.addr, "", nil, 404); err != nil {
		return err
	}
	location, err := w.send("POST", "/v2/"+name+"/blobs/uploads/", l.addr, "", nil, 202)
	if err != nil {
		return err
	}
	const octets = "Content-Type: application/octet-stream\r\n"
	if location, err = w.send("PATCH", location, l.addr, octets, data, 202); err != nil {
		return err
	}
	_, err = w.send("PUT", closing(location, digest), l.addr, octets, nil, 201)
	return err
}

// send makes one request whose answer must have the status want, and returns the path of its Location.
func (w *worker) send(method, path, addr, headers string, body []byte, want int) (string, error) {
	b := w.scratch[:0]
	b = append(b, method...)
	b = append(b, ' ')
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, addr...)
	b = append(b, "\r\nUser-Agent: load\r\n"...)
	b = append(b, headers...)
	if method != "HEAD" {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	b = append(b, body...)
	w.scratch = b
	w.count.bytes += int64(len(body))
	return w.expect(method, path, want, b, nil)
}

func (w *worker) expect(method, path string, want int, head []byte, send func() error) (string, error) {
	a, err := w.do(head, send, method == "HEAD", nil)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", method, path, err)
	}
	if a.status != want {
		return "", fmt.Errorf("%s %s: status %d, not %d", method, path, a.status, want)
	}
	w.count.requests++
	return pathOf(a.location), nil
}

// pathOf drops the scheme and host of an absolute Location.
func pathOf(location string) string {
	if _, rest, absolute := strings.Cut(location, "://"); absolute {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			return rest[i:]
		}
	}
	return location
}

func closing(location, digest string) string {
	joint := "?"
	if strings.Contains(location, "?") {
		joint = "&"
	}
	return location + joint + "digest=" + digest
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
