package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"syscall"
)

// conn is one keep-alive HTTP/1.1 connection with nothing in it that a registry does not need:
// the generator must stay cheap, or it would be what the bench measures.
type conn struct {
	addr    string
	loop    *loop
	resume  chan struct{} // the loop hands over to the worker that uses the connection
	waiting bool
	fd      int  // -1 when not connected
	drained bool // the last receive emptied the socket
	buf     []byte
	r, w    int // unread bytes of the answer are buf[r:w]
}

// answer is what one response said; its body has been read to the end and thrown away.
type answer struct {
	status   int
	length   int64 // Content-Length, -1 when absent
	chunked  bool
	closing  bool
	location string
	body     int64 // bytes of body that really came
}

var errEarlyEnd = errors.New("the server closed the connection inside an answer")

// discarded is the landing place named to the kernel for bodies that are dropped unread.
var discarded = make([]byte, 1<<20)

func newConn(addr string, l *loop) *conn {
	return &conn{addr: addr, loop: l, fd: -1, buf: make([]byte, 64<<10)}
}

// do sends head (and the body, when there is one) and reads the whole answer.
func (c *conn) do(head []byte, send func() error, isHead bool, sink hash.Hash) (answer, error) {
	if c.fd < 0 {
		if err := c.dial(); err != nil {
			return answer{}, err
		}
	}
	err := c.write(head)
	if err == nil && send != nil {
		err = send()
	}
	if err != nil {
		c.close()
		return answer{}, err
	}
	a, err := c.readHead()
	if err == nil && !isHead {
		err = c.readBody(&a, sink)
	}
	if err != nil || a.closing {
		c.close()
	}
	return a, err
}

func (c *conn) fill() error {
	if c.r == c.w {
		c.r, c.w = 0, 0
	} else if c.w == len(c.buf) {
		copy(c.buf, c.buf[c.r:c.w])
		c.w -= c.r
		c.r = 0
	}
	if c.w == len(c.buf) {
		return errors.New("header line over 64 KiB")
	}
	n, err := c.receive(c.buf[c.w:], 0)
	c.w += n
	return err
}

// line returns the next line without its end; it is valid until the next read.
func (c *conn) line() ([]byte, error) {
	for {
		if i := bytes.IndexByte(c.buf[c.r:c.w], '\n'); i >= 0 {
			text := c.buf[c.r : c.r+i]
			c.r += i + 1
			return bytes.TrimSuffix(text, []byte{'\r'}), nil
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

func (c *conn) readHead() (answer, error) {
	a := answer{length: -1}
	text, err := c.line()
	if err != nil {
		return a, err
	}
	if len(text) < 12 || !bytes.HasPrefix(text, []byte("HTTP/1.1 ")) {
		return a, fmt.Errorf("not an HTTP/1.1 answer: %.40q", text)
	}
	if a.status, err = strconv.Atoi(string(text[9:12])); err != nil {
		return a, err
	}
	for {
		if text, err = c.line(); err != nil {
			return a, err
		}
		if len(text) == 0 {
			return a, nil
		}
		if err = a.header(text); err != nil {
			return a, err
		}
	}
}

// header keeps the few headers that matter here; telling them by length first keeps the rest nearly free.
func (a *answer) header(text []byte) (err error) {
	i := bytes.IndexByte(text, ':')
	if i < 0 {
		return fmt.Errorf("not a header: %.40q", text)
	}
	name, value := text[:i], bytes.TrimSpace(text[i+1:])
	switch {
	case i == 14 && bytes.EqualFold(name, []byte("content-length")):
		a.length, err = strconv.ParseInt(string(value), 10, 64)
	case i == 17 && bytes.EqualFold(name, []byte("transfer-encoding")):
		a.chunked = bytes.EqualFold(value, []byte("chunked"))
	case i == 10 && bytes.EqualFold(name, []byte("connection")):
		a.closing = bytes.EqualFold(value, []byte("close"))
	case i == 8 && bytes.EqualFold(name, []byte("location")):
		a.location = string(value)
	}
	return err
}

func (c *conn) readBody(a *answer, sink hash.Hash) error {
	switch {
	case a.chunked:
		return c.readChunks(a, sink)
	case a.length > 0:
		a.body = a.length
		return c.skip(a.length, sink)
	case a.length < 0 && a.status != 204 && a.status != 304:
		return errors.New("an answer with a body of unknown length")
	}
	return nil
}

func (c *conn) readChunks(a *answer, sink hash.Hash) error {
	for {
		text, err := c.line()
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(text), 16, 64)
		if err != nil {
			return err
		}
		if size == 0 {
			_, err = c.line()
			return err
		}
		a.body += size
		if err = c.skip(size, sink); err != nil {
			return err
		}
		if _, err = c.line(); err != nil {
			return err
		}
	}
}

// skip reads n bytes of body: into sink when there is one, else the kernel drops what is not buffered yet.
func (c *conn) skip(n int64, sink hash.Hash) error {
	for n > 0 {
		if have := int64(c.w - c.r); have > 0 {
			if have > n {
				have = n
			}
			if sink != nil {
				sink.Write(c.buf[c.r : c.r+int(have)])
			}
			c.r += int(have)
			n -= have
			continue
		}
		if sink == nil && n > int64(len(c.buf)) {
			got, err := c.drop(n)
			if err != nil {
				return err
			}
			n -= got
			continue
		}
		if err := c.fill(); err != nil {
			return err
		}
	}
	return nil
}

// drop takes bytes off the socket without copying them (MSG_TRUNC on TCP), so that pulling big blobs
// costs the generator next to nothing.
func (c *conn) drop(n int64) (int64, error) {
	if n > int64(len(discarded)) {
		n = int64(len(discarded))
	}
	got, err := c.receive(discarded[:n], syscall.MSG_TRUNC)
	return int64(got), err
}
