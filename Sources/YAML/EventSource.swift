import CLibYAML

/// What libyaml sees next in a text, with the places turned into marks.
struct YAMLEvent {
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias(String)
        case scalar(YAMLScalar, anchor: String?, tag: String?)
        case listStart(anchor: String?, tag: String?)
        case listEnd
        case mapStart(anchor: String?, tag: String?)
        case mapEnd
    }

    var kind: Kind
    var mark: Mark
}

/// libyaml's parser over a buffer that outlives it; `close` must be called once.
struct EventSource {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let buffer: UnsafeBufferPointer<UInt8>
    /// Just behind the last character.
    private let end: Mark

    init(_ buffer: UnsafeBufferPointer<UInt8>) {
        self.buffer = buffer
        end = TextCheck.mark(atOffset: buffer.count, in: buffer)
        parser = .allocate(capacity: 1)
        let made = yaml_parser_initialize(parser)
        precondition(made == 1, "libyaml had no memory for a parser")
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, buffer.baseAddress, buffer.count)
    }

    func close() {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    func next() throws(YAMLProblem) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw problem() }
        defer { yaml_event_delete(&event) }
        return YAMLEvent(kind: kind(of: event), mark: mark(event.start_mark))
    }

    private func kind(of event: yaml_event_t) -> YAMLEvent.Kind {
        switch event.type {
        case YAML_STREAM_START_EVENT: return .streamStart
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_ALIAS_EVENT: return .alias(text(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT: return scalar(event.data.scalar)
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            return .listStart(anchor: text(start.anchor), tag: text(start.tag))
        case YAML_SEQUENCE_END_EVENT: return .listEnd
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            return .mapStart(anchor: text(start.anchor), tag: text(start.tag))
        case YAML_MAPPING_END_EVENT: return .mapEnd
        default: return .streamEnd
        }
    }

    private func scalar(_ data: yaml_event_t.__Unnamed_union_data.__Unnamed_struct_scalar) -> YAMLEvent.Kind {
        let bytes = UnsafeBufferPointer(start: data.value, count: data.length)
        let style: YAMLScalar.Style =
            switch data.style {
            case YAML_SINGLE_QUOTED_SCALAR_STYLE, YAML_DOUBLE_QUOTED_SCALAR_STYLE: .quoted
            case YAML_LITERAL_SCALAR_STYLE, YAML_FOLDED_SCALAR_STYLE: .block
            default: .plain
            }
        let tag = text(data.tag)
        let isText = tag == "tag:yaml.org,2002:str" || tag == "!"
        let scalar = YAMLScalar(text: String(decoding: bytes, as: UTF8.self), style: style, isText: isText)
        return .scalar(scalar, anchor: text(data.anchor), tag: isText ? nil : tag)
    }

    private func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        pointer.map { String(cString: $0) }
    }

    /// libyaml ends a last line that has no end of its own, and so may name a line that is not there.
    private func mark(_ mark: yaml_mark_t) -> Mark {
        min(Mark(line: Int(mark.line) + 1, column: Int(mark.column) + 1), end)
    }

    private func problem() -> YAMLProblem {
        let state = parser.pointee
        let words = state.problem.map { String(cString: $0) } ?? "it could not be read"
        if state.error == YAML_READER_ERROR {
            return YAMLProblem(.syntax(words), at: TextCheck.mark(atOffset: Int(state.problem_offset), in: buffer))
        }
        let place = mark(state.problem_mark)
        let offset = Int(state.problem_mark.index)
        if state.error == YAML_SCANNER_ERROR, character(offset) == "\t" { return YAMLProblem(.tab, at: place) }
        let context = state.context.map { " " + String(cString: $0) } ?? ""
        return YAMLProblem(.syntax(words + context), at: place)
    }

    /// The character at an offset that counts characters.
    private func character(_ offset: Int) -> Unicode.Scalar? {
        String(decoding: buffer, as: UTF8.self).unicodeScalars.dropFirst(offset).first
    }
}
