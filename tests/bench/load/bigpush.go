package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
)

const (
	tailSize  = 64
	chunkSize = 32 << 10 // what Go's HTTP client, and so docker and containerd, send as one chunk
)

// bigPusher is the workload that pushes big blobs, every one with content of its own. All blobs share one
// random beginning, sent by sendfile and hashed before the clock; the last 64 bytes differ. So neither
// hashing nor copying on this side is measured.
type bigPusher struct {
	addr   string
	prefix string
	shape  string // put, patch or chunked
	size   int64
	framed int64 // bytes of the file: the beginning, with chunk frames when the shape is chunked
	file   *os.File
	hashed []byte // the state of SHA-256 after the beginning
	serial uint64
}

func newBigPusher(addr, prefix, shape string, size int64) (*bigPusher, error) {
	if size%chunkSize != 0 || size == 0 {
		return nil, fmt.Errorf("size must be a multiple of %d", chunkSize)
	}
	l := &bigPusher{addr: addr, prefix: prefix, shape: shape, size: size}
	file, err := os.CreateTemp("", "load-blob-")
	if err != nil {
		return nil, err
	}
	l.file = file
	if err = os.Remove(file.Name()); err != nil { // it lives on until it is closed
		return nil, err
	}
	return l, l.prepare()
}

// prepare writes the common beginning to the file and keeps the state of its hash.
func (l *bigPusher) prepare() error {
	sum := sha256.New()
	block := make([]byte, chunkSize)
	for left := l.size - tailSize; left > 0; left -= int64(len(block)) {
		if left < int64(len(block)) {
			block = block[:left]
		}
		if _, err := rand.Read(block); err != nil {
			return err
		}
		sum.Write(block)
		frame := block
		if l.shape == "chunked" {
			frame = append([]byte(fmt.Sprintf("%x\r\n", len(block))), block...)
			frame = append(frame, "\r\n"...)
		}
		n, err := l.file.Write(frame)
		if err != nil {
			return err
		}
		l.framed += int64(n)
	}
	var err error
	l.hashed, err = sum.(encoding.BinaryMarshaler).MarshalBinary()
	return err
}

// next returns a tail that no other blob of this run has, and the digest of the blob that ends with it.
func (l *bigPusher) next() ([]byte, string, error) {
	l.serial++
	tail := make([]byte, tailSize)
	binary.LittleEndian.PutUint64(tail, l.serial)
	sum := sha256.New()
	if err := sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(l.hashed); err != nil {
		return nil, "", err
	}
	sum.Write(tail)
	return tail, "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

func (l *bigPusher) op(w *worker) error {
	name := fmt.Sprintf("%s-%d", l.prefix, w.id)
	tail, digest, err := l.next()
	if err != nil {
		return err
	}
	location, err := w.send("POST", "/v2/"+name+"/blobs/uploads/", l.addr, "", nil, 202)
	if err != nil {
		return err
	}
	if l.shape == "put" {
		return l.body(w, "PUT", closing(location, digest), tail, 201, nil)
	}
	if err = l.body(w, "PATCH", location, tail, 202, &location); err != nil {
		return err
	}
	_, err = w.send("PUT", closing(location, digest), l.addr, "", nil, 201)
	return err
}

func (l *bigPusher) body(w *worker, method, path string, tail []byte, want int, location *string) error {
	length := fmt.Sprintf("Content-Length: %d", l.size)
	if l.shape == "chunked" {
		length = "Transfer-Encoding: chunked"
		tail = append(append([]byte(fmt.Sprintf("%x\r\n", tailSize)), tail...), "\r\n0\r\n\r\n"...)
	}
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load\r\n"+
		"Content-Type: application/octet-stream\r\n%s\r\n\r\n", method, path, l.addr, length)
	next, err := w.expect(method, path, want, []byte(head), func() error {
		if err := w.conn.sendFile(l.file, l.framed); err != nil {
			return err
		}
		return w.conn.write(tail)
	})
	if location != nil {
		*location = next
	}
	w.count.bytes += l.size
	return err
}
