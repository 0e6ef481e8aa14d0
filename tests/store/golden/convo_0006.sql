SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA convo_golden;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE convo_golden.convo_annotation (
    owner text NOT NULL,
    branch uuid NOT NULL,
    "position" bigint NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    changed_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE convo_golden.convo_annotation IS 'notes beside the log, which may change';
COMMENT ON COLUMN convo_golden.convo_annotation.branch IS 'the branch that holds the message';
COMMENT ON COLUMN convo_golden.convo_annotation.value IS 'canonical JSON';
CREATE TABLE convo_golden.convo_attachment (
    owner text NOT NULL,
    branch uuid NOT NULL,
    "position" bigint NOT NULL,
    part integer NOT NULL,
    kind text NOT NULL,
    format text,
    digest text NOT NULL,
    size bigint NOT NULL,
    duration double precision,
    sample_rate integer,
    channels integer,
    transcript text,
    voice text,
    made_by text,
    translation text,
    dropped_at timestamp with time zone
);
COMMENT ON TABLE convo_golden.convo_attachment IS 'one row per piece of media of a message';
COMMENT ON COLUMN convo_golden.convo_attachment.part IS 'index of the content part, -1 for the audio of a reply';
COMMENT ON COLUMN convo_golden.convo_attachment.digest IS 'SHA-256 of the bytes in hex';
COMMENT ON COLUMN convo_golden.convo_attachment.duration IS 'seconds';
COMMENT ON COLUMN convo_golden.convo_attachment.made_by IS 'the model that made this speech of a reply''s text; null: it came with the message';
COMMENT ON COLUMN convo_golden.convo_attachment.translation IS 'what is said, in English';
COMMENT ON COLUMN convo_golden.convo_attachment.dropped_at IS 'when its bytes were let go; null: they are kept';
CREATE TABLE convo_golden.convo_blob (
    owner text NOT NULL,
    digest text NOT NULL,
    size bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    place text,
    object text
);
COMMENT ON TABLE convo_golden.convo_blob IS 'bytes, once per owner';
COMMENT ON COLUMN convo_golden.convo_blob.digest IS 'SHA-256 of the bytes in hex';
COMMENT ON COLUMN convo_golden.convo_blob.place IS 'the name of the blob store that holds them; null: convo_blob_chunk';
COMMENT ON COLUMN convo_golden.convo_blob.object IS 'their name there';
CREATE TABLE convo_golden.convo_blob_chunk (
    owner text NOT NULL,
    digest text NOT NULL,
    number integer NOT NULL,
    data bytea NOT NULL
);
COMMENT ON TABLE convo_golden.convo_blob_chunk IS 'bytes in pieces of at most 1 MB';
CREATE TABLE convo_golden.convo_branch (
    owner text NOT NULL,
    id uuid NOT NULL,
    conversation uuid NOT NULL,
    head bigint NOT NULL,
    instructions bigint,
    pending uuid,
    attempt integer NOT NULL,
    lease_until timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    state text DEFAULT 'shown'::text NOT NULL,
    parent uuid,
    forked_at bigint
);
COMMENT ON TABLE convo_golden.convo_branch IS 'one line of messages; its row is the lock of the line';
COMMENT ON COLUMN convo_golden.convo_branch.head IS 'position of the last message, 0 for none';
COMMENT ON COLUMN convo_golden.convo_branch.instructions IS 'position of the instructions in force';
COMMENT ON COLUMN convo_golden.convo_branch.pending IS 'the exchange that waits for its answer';
COMMENT ON COLUMN convo_golden.convo_branch.attempt IS 'of the pending exchange: the fencing token';
COMMENT ON COLUMN convo_golden.convo_branch.lease_until IS 'until when its worker is taken to be alive';
COMMENT ON COLUMN convo_golden.convo_branch.state IS 'shown, left for another, or kept for its rows';
COMMENT ON COLUMN convo_golden.convo_branch.parent IS 'the branch that it was made from';
COMMENT ON COLUMN convo_golden.convo_branch.forked_at IS 'position of the last message that it shares with its parent';
CREATE TABLE convo_golden.convo_checkpoint (
    owner text NOT NULL,
    exchange uuid NOT NULL,
    number integer NOT NULL,
    attempt integer NOT NULL,
    body text,
    data bytea,
    saved_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE convo_golden.convo_checkpoint IS 'what a stream has received, until it ends';
COMMENT ON COLUMN convo_golden.convo_checkpoint.number IS '0: the message so far; from 1: its audio, in pieces';
COMMENT ON COLUMN convo_golden.convo_checkpoint.attempt IS 'of the exchange';
COMMENT ON COLUMN convo_golden.convo_checkpoint.body IS 'the answer so far, canonical JSON, without its audio';
COMMENT ON COLUMN convo_golden.convo_checkpoint.data IS 'at most 1 MB of the audio';
CREATE TABLE convo_golden.convo_conversation (
    owner text NOT NULL,
    id uuid NOT NULL,
    key text,
    branch uuid NOT NULL,
    title text,
    metadata text,
    created_at timestamp with time zone NOT NULL,
    hold text
);
COMMENT ON TABLE convo_golden.convo_conversation IS 'what an application holds';
COMMENT ON COLUMN convo_golden.convo_conversation.key IS 'the own key of the application';
COMMENT ON COLUMN convo_golden.convo_conversation.branch IS 'the branch that is shown';
COMMENT ON COLUMN convo_golden.convo_conversation.metadata IS 'canonical JSON';
COMMENT ON COLUMN convo_golden.convo_conversation.hold IS 'why it must not be deleted; null: it may be';
CREATE TABLE convo_golden.convo_exchange (
    owner text NOT NULL,
    id uuid NOT NULL,
    conversation uuid NOT NULL,
    branch uuid NOT NULL,
    key text,
    hash bytea NOT NULL,
    status text NOT NULL,
    attempt integer NOT NULL,
    api text NOT NULL,
    model text NOT NULL,
    answered_by text,
    origin text NOT NULL,
    asked_first bigint NOT NULL,
    asked_last bigint NOT NULL,
    seen bigint,
    "position" bigint,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    request_id text,
    finish_reason text,
    error text,
    recovered text,
    raw text,
    voice text,
    format text,
    spoken boolean,
    input_tokens bigint,
    output_tokens bigint,
    total_tokens bigint,
    input_text bigint,
    input_audio bigint,
    input_image bigint,
    input_cached bigint,
    input_cached_audio bigint,
    input_cache_write bigint,
    output_text bigint,
    output_audio bigint,
    output_reasoning bigint,
    accepted_prediction bigint,
    rejected_prediction bigint,
    cost bigint,
    currency text,
    price_table text,
    estimated_tokens bigint,
    instead_of text,
    assumed_tokens bigint,
    assumed_cost bigint,
    input_milliseconds bigint,
    output_milliseconds bigint,
    input_characters bigint,
    first_byte_at timestamp with time zone,
    retries integer,
    recoveries integer,
    sent_references integer,
    sent_transcripts integer,
    saved_bytes bigint,
    saved_tokens bigint,
    cost_text_in bigint,
    cost_text_out bigint,
    cost_audio_in bigint,
    cost_audio_out bigint,
    cost_image_in bigint,
    cost_cached_in bigint,
    cost_cached_audio_in bigint,
    cost_cache_write bigint,
    cost_minutes_in bigint,
    cost_minutes_out bigint,
    cost_characters_in bigint,
    cost_cached_image_in bigint,
    input_cached_image bigint,
    asked_speech boolean
);
COMMENT ON TABLE convo_golden.convo_exchange IS 'one call of an API and its answer';
COMMENT ON COLUMN convo_golden.convo_exchange.key IS 'the caller''s name for the turn';
COMMENT ON COLUMN convo_golden.convo_exchange.hash IS 'SHA-256 of what was asked';
COMMENT ON COLUMN convo_golden.convo_exchange.model IS 'as asked for';
COMMENT ON COLUMN convo_golden.convo_exchange.answered_by IS 'the model that the answer names';
COMMENT ON COLUMN convo_golden.convo_exchange.asked_last IS 'before asked_first: no message was added';
COMMENT ON COLUMN convo_golden.convo_exchange.seen IS 'the head that the request held';
COMMENT ON COLUMN convo_golden.convo_exchange."position" IS 'of the reply';
COMMENT ON COLUMN convo_golden.convo_exchange.request_id IS 'the API''s x-request-id';
COMMENT ON COLUMN convo_golden.convo_exchange.error IS 'code of the error that ended it';
COMMENT ON COLUMN convo_golden.convo_exchange.recovered IS 'canonical JSON: what was degraded after refusals';
COMMENT ON COLUMN convo_golden.convo_exchange.raw IS 'the answer without its messages; with them, when it came too late';
COMMENT ON COLUMN convo_golden.convo_exchange.cost IS 'in 10**-12 of the currency; null: unknown';
COMMENT ON COLUMN convo_golden.convo_exchange.estimated_tokens IS 'of the input, before the call';
COMMENT ON COLUMN convo_golden.convo_exchange.instead_of IS 'the model asked for, where that is shut down and its successor was asked';
COMMENT ON COLUMN convo_golden.convo_exchange.assumed_tokens IS 'what budgets count while there is no bill, output too';
COMMENT ON COLUMN convo_golden.convo_exchange.assumed_cost IS 'the same in 10**-12 of the currency; null: unknown';
COMMENT ON COLUMN convo_golden.convo_exchange.input_milliseconds IS 'sound that was billed by its length';
COMMENT ON COLUMN convo_golden.convo_exchange.output_milliseconds IS 'sound that was billed by its length';
COMMENT ON COLUMN convo_golden.convo_exchange.input_characters IS 'text that was billed by its length';
COMMENT ON COLUMN convo_golden.convo_exchange.first_byte_at IS 'when the API began to answer';
COMMENT ON COLUMN convo_golden.convo_exchange.retries IS 'how often the client tried again; null: not known';
COMMENT ON COLUMN convo_golden.convo_exchange.recoveries IS 'how often the request was mended after a refusal';
COMMENT ON COLUMN convo_golden.convo_exchange.sent_references IS 'spoken replies that went by their ids';
COMMENT ON COLUMN convo_golden.convo_exchange.sent_transcripts IS 'speech that went as words';
COMMENT ON COLUMN convo_golden.convo_exchange.saved_bytes IS 'audio that did not travel, because its id or its words did';
COMMENT ON COLUMN convo_golden.convo_exchange.saved_tokens IS 'by estimate: what speech would have cost beyond its words';
COMMENT ON COLUMN convo_golden.convo_exchange.cost_text_in IS 'in 10**-12 of the currency';
COMMENT ON COLUMN convo_golden.convo_exchange.cost_text_out IS 'in 10**-12 of the currency';
COMMENT ON COLUMN convo_golden.convo_exchange.cost_audio_in IS 'in 10**-12 of the currency';
COMMENT ON COLUMN convo_golden.convo_exchange.cost_audio_out IS 'in 10**-12 of the currency';
COMMENT ON COLUMN convo_golden.convo_exchange.cost_image_in IS 'in 10**-12 of the currency';
COMMENT ON COLUMN convo_golden.convo_exchange.cost_cached_in IS 'in 10**-12 of the currency';
COMMENT ON COLUMN convo_golden.convo_exchange.cost_cached_audio_in IS 'in 10**-12 of the currency';
COMMENT ON COLUMN convo_golden.convo_exchange.cost_cache_write IS 'in 10**-12 of the currency';
COMMENT ON COLUMN convo_golden.convo_exchange.cost_minutes_in IS 'in 10**-12 of the currency';
COMMENT ON COLUMN convo_golden.convo_exchange.cost_minutes_out IS 'in 10**-12 of the currency';
COMMENT ON COLUMN convo_golden.convo_exchange.cost_characters_in IS 'in 10**-12 of the currency';
COMMENT ON COLUMN convo_golden.convo_exchange.cost_cached_image_in IS 'in 10**-12 of the currency';
COMMENT ON COLUMN convo_golden.convo_exchange.asked_speech IS 'whether the answer was to be spoken; null: not known';
CREATE TABLE convo_golden.convo_home (
    prefix text NOT NULL
);
COMMENT ON TABLE convo_golden.convo_home IS 'one row, of no owner: what tells this database from others that use the same folder or bucket';
COMMENT ON COLUMN convo_golden.convo_home.prefix IS '16 hex, made once: the names of this database''s objects begin with it';
CREATE TABLE convo_golden.convo_memory (
    owner text NOT NULL,
    branch uuid NOT NULL,
    origin text NOT NULL,
    family text NOT NULL,
    expired_through bigint NOT NULL,
    refused_through bigint NOT NULL,
    skew bigint NOT NULL,
    window_start bigint DEFAULT '0'::bigint NOT NULL
);
COMMENT ON TABLE convo_golden.convo_memory IS 'what assembly must remember to keep the prefix stable';
COMMENT ON COLUMN convo_golden.convo_memory.expired_through IS 'microseconds since 1970; only grows';
COMMENT ON COLUMN convo_golden.convo_memory.refused_through IS 'microseconds since 1970; only grows';
COMMENT ON COLUMN convo_golden.convo_memory.skew IS 'seconds by which the clock of the API is ahead';
COMMENT ON COLUMN convo_golden.convo_memory.window_start IS 'a position; only grows';
CREATE TABLE convo_golden.convo_message (
    owner text NOT NULL,
    branch uuid NOT NULL,
    "position" bigint NOT NULL,
    kind text NOT NULL,
    role text NOT NULL,
    body text NOT NULL,
    hash bytea NOT NULL,
    status text NOT NULL,
    api text NOT NULL,
    model text,
    text text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    exchange uuid,
    pinned boolean NOT NULL,
    pieces integer NOT NULL,
    audio_id text,
    audio_expires_at timestamp with time zone,
    audio_origin text,
    text_tokens bigint,
    audio_tokens bigint,
    metadata text
);
COMMENT ON TABLE convo_golden.convo_message IS 'the log';
COMMENT ON COLUMN convo_golden.convo_message.body IS 'the API''s own JSON, canonical, bytes taken out';
COMMENT ON COLUMN convo_golden.convo_message.hash IS 'SHA-256 of the body';
COMMENT ON COLUMN convo_golden.convo_message.api IS 'whose shape the body has';
COMMENT ON COLUMN convo_golden.convo_message.text IS 'what was written or said; derived, capped, never the source';
COMMENT ON COLUMN convo_golden.convo_message.exchange IS 'in which it was asked or answered';
COMMENT ON COLUMN convo_golden.convo_message.pieces IS 'rows of convo_attachment';
COMMENT ON COLUMN convo_golden.convo_message.audio_id IS 'the API''s id of a spoken reply';
COMMENT ON COLUMN convo_golden.convo_message.text_tokens IS 'as billed';
COMMENT ON COLUMN convo_golden.convo_message.audio_tokens IS 'as billed';
COMMENT ON COLUMN convo_golden.convo_message.metadata IS 'canonical JSON';
CREATE TABLE convo_golden.convo_owner_key (
    owner text NOT NULL,
    number integer NOT NULL,
    wrapped bytea NOT NULL,
    wrapped_by text NOT NULL,
    created_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE convo_golden.convo_owner_key IS 'the data keys of owners; without its keys nothing of an owner that is encrypted can be read';
COMMENT ON COLUMN convo_golden.convo_owner_key.number IS 'the largest seals what is written';
COMMENT ON COLUMN convo_golden.convo_owner_key.wrapped IS 'the data key, wrapped by a key of the application';
COMMENT ON COLUMN convo_golden.convo_owner_key.wrapped_by IS 'the name of that key';
CREATE TABLE convo_golden.convo_preset (
    owner text NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    changed_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE convo_golden.convo_preset IS 'voices with format and speed, by a name of the application';
COMMENT ON COLUMN convo_golden.convo_preset.value IS 'canonical JSON: voice, format, speed';
CREATE TABLE convo_golden.convo_rendition (
    owner text NOT NULL,
    source text NOT NULL,
    form text NOT NULL,
    digest text NOT NULL,
    created_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE convo_golden.convo_rendition IS 'recordings as they are sent where the API takes no other format; each made once';
COMMENT ON COLUMN convo_golden.convo_rendition.source IS 'SHA-256 in hex of the bytes that were recorded';
COMMENT ON COLUMN convo_golden.convo_rendition.form IS 'what they were converted to: format, samples a second, channels';
COMMENT ON COLUMN convo_golden.convo_rendition.digest IS 'SHA-256 in hex of what they became';
CREATE TABLE convo_golden.convo_search (
    number bigint NOT NULL,
    owner text NOT NULL,
    branch uuid NOT NULL,
    "position" bigint NOT NULL
);
COMMENT ON TABLE convo_golden.convo_search IS 'messages whose words are in the full-text index (convo_words), by number; derived';
COMMENT ON COLUMN convo_golden.convo_search.branch IS 'the branch that holds the message';
CREATE SEQUENCE convo_golden.convo_search_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE convo_golden.convo_search_number_seq OWNED BY convo_golden.convo_search.number;
CREATE TABLE convo_golden.convo_segment (
    owner text NOT NULL,
    branch uuid NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    source uuid NOT NULL
);
COMMENT ON TABLE convo_golden.convo_segment IS 'which rows make up the line of a branch, flattened';
COMMENT ON COLUMN convo_golden.convo_segment.last IS 'the largest bigint for the open end of a line';
COMMENT ON COLUMN convo_golden.convo_segment.source IS 'the branch that holds the rows';
CREATE TABLE convo_golden.convo_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE convo_golden.convo_words (
    number bigint NOT NULL,
    words tsvector NOT NULL
);
COMMENT ON TABLE convo_golden.convo_words IS 'the words of messages, by their number in convo_search; derived';
ALTER TABLE ONLY convo_golden.convo_search ALTER COLUMN number SET DEFAULT nextval('convo_golden.convo_search_number_seq'::regclass);
INSERT INTO convo_golden.convo_annotation VALUES ('', '01a196fb-160c-7000-8000-00000000000c', 2, 'thumbs', '1', '2026-11-01 12:01:00+00');
INSERT INTO convo_golden.convo_attachment VALUES ('', '01a196fb-1602-7000-8000-000000000002', 2, 0, 'audio', 'wav', '70b62617023893728444794179e1525b31c457ff23faae5da126c3e28d0ba220', 3244, 0.2, 8000, 1, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_attachment VALUES ('', '01a196fb-1602-7000-8000-000000000002', 3, -1, 'audio', 'mp3', 'ac78011e77ca8463eef46d51baf6ae5be57ded372cd1e0e2fd984a865a4c1027', 1632, 0.408, 48000, 1, 'Yes.', 'alloy', NULL, NULL, NULL);
INSERT INTO convo_golden.convo_attachment VALUES ('', '01a196fb-1602-7000-8000-000000000002', 5, -1, 'audio', 'mp3', 'ac78011e77ca8463eef46d51baf6ae5be57ded372cd1e0e2fd984a865a4c1027', 1632, 0.408, 48000, 1, 'More.', 'alloy', NULL, NULL, NULL);
INSERT INTO convo_golden.convo_attachment VALUES ('ada', '01a196fb-160a-7000-8000-00000000000a', 3, 0, 'audio', 'wav', '9e56da473956dae1c47891196aa783d54b80a934abdcf5320261d8732fa3b737', 3244, 0.2, 8000, 1, 'Recording 9e56da47.', NULL, NULL, 'Recording 9e56da47.', NULL);
INSERT INTO convo_golden.convo_attachment VALUES ('ada', '01a196fb-160a-7000-8000-00000000000a', 2, -1, 'audio', 'mp3', 'ac78011e77ca8463eef46d51baf6ae5be57ded372cd1e0e2fd984a865a4c1027', 1632, 0.408, 48000, 1, 'Ok.', 'alloy', 'gpt-4o-mini-tts', NULL, NULL);
INSERT INTO convo_golden.convo_blob VALUES ('', '70b62617023893728444794179e1525b31c457ff23faae5da126c3e28d0ba220', 3244, '2026-11-01 12:00:00+00', NULL, NULL);
INSERT INTO convo_golden.convo_blob VALUES ('', 'ac78011e77ca8463eef46d51baf6ae5be57ded372cd1e0e2fd984a865a4c1027', 1632, '2026-11-01 12:00:00+00', NULL, NULL);
INSERT INTO convo_golden.convo_blob VALUES ('ada', '9e56da473956dae1c47891196aa783d54b80a934abdcf5320261d8732fa3b737', 3244, '2026-11-01 12:01:00+00', NULL, NULL);
INSERT INTO convo_golden.convo_blob VALUES ('ada', 'ac78011e77ca8463eef46d51baf6ae5be57ded372cd1e0e2fd984a865a4c1027', 1632, '2026-11-01 12:01:00+00', NULL, NULL);
INSERT INTO convo_golden.convo_blob_chunk VALUES ('', '70b62617023893728444794179e1525b31c457ff23faae5da126c3e28d0ba220', 0, '\x52494646a40c000057415645666d74201000000001000100401f0000803e00000200100064617461800c000000005f05950a7b0feb13c317e51a3b1db21e3f1fdd1e901d621b6318aa145310800b5606fb0099fb58f661f1d9ece3e89ee521e381e1c9e000e122e228e403e79cead8ee97f3b5f80afe6d03b708bf0d5e127116d8197b1c441e271f1c1f241e461c91191816f8114e0d3e08f0028dfd3bf824f370ee41eab8e6f0e3fee1f1e0d0e09ee152e3e2e539e93dedd1f1d0f616fc7801d106f50bbe100815b1189e1bb81df01e3c1f991e0e1da51a701789130e0f1f0ae30483ff25faf5f418f0b5ebece7dbe499e238e1c0e038e199e2dbe4ece7b5eb18f0f5f425fa83ffe3041f0a0e0f89137017a51a0e1d991e3c1ff01eb81d9e1bb1180815be10f50bd106780116fcd0f6d1f13ded39e9e2e552e39ee1d0e0f1e0fee1f0e3b8e641ea70ee24f33bf88dfdf0023e084e0df81118169119461c241e1c1f271f441e7b1cd81971165e12bf0db7086d030afeb5f897f3d8ee9cea03e728e422e200e1c9e081e121e39ee5e3e8d9ec61f158f699fbfb005606800b5310aa146318621b901ddd1e3f1fb21e3b1de51ac317eb137b0f950a5f050000a1fa6bf585f015ec3de81be5c5e24ee1c1e023e170e29ee49de756ebadef80f4aaf905ff6704a8099f0e27131d17621adf1c7f1e371f001fde1dd81bfd1864152811690c4b07f60193fc49f741f2a2ed8fe928e685e3bce1d9e0e4e0dce1bae36fe6e8e908eeb2f2c2f710fd7302c507dc0c9011bf154819101c021e0f1f301f621eae1c1e1ac716c3122f0e3009ea0388fe2ff90bf442eff8ea4fe762e448e210e1c4e067e1f2e25be590e877ecf2f0e1f51dfb7d00db050b0be80f4b141418251b671dc81e401fc81e671d251b14184b14e80f0b0bdb057d001dfbe1f5f2f077ec90e85be5f2e267e1c4e010e148e262e44fe7f8ea42ef0bf42ff988feea0330092f0ec312c7161e1aae1c621e301f0f1f021e101c4819bf159011dc0cc507730210fdc2f7b2f208eee8e96fe6bae3dce1e4e0d9e0bce185e328e68fe9a2ed41f249f793fcf6014b07690c28116415fd18d81bde1d001f371f7f1edf1c621a1d1727139f0ea809670405ffaaf980f4adef56eb9de79ee470e223e1c1e04ee1c5e21be53de815ec85f06bf5a1fa00005f05950a7b0feb13c317e51a3b1db21e3f1fdd1e901d621b6318aa145310800b5606fb0099fb58f661f1d9ece3e89ee521e381e1c9e000e122e228e403e79cead8ee97f3b5f80afe6d03b708bf0d5e127116d8197b1c441e271f1c1f241e461c91191816f8114e0d3e08f0028dfd3bf824f370ee41eab8e6f0e3fee1f1e0d0e09ee152e3e2e539e93dedd1f1d0f616fc7801d106f50bbe100815b1189e1bb81df01e3c1f991e0e1da51a701789130e0f1f0ae30483ff25faf5f418f0b5ebece7dbe499e238e1c0e038e199e2dbe4ece7b5eb18f0f5f425fa83ffe3041f0a0e0f89137017a51a0e1d991e3c1ff01eb81d9e1bb1180815be10f50bd106780116fcd0f6d1f13ded39e9e2e552e39ee1d0e0f1e0fee1f0e3b8e641ea70ee24f33bf88dfdf0023e084e0df81118169119461c241e1c1f271f441e7b1cd81971165e12bf0db7086d030afeb5f897f3d8ee9cea03e728e422e200e1c9e081e121e39ee5e3e8d9ec61f158f699fbfb005606800b5310aa146318621b901ddd1e3f1fb21e3b1de51ac317eb137b0f950a5f050000a1fa6bf585f015ec3de81be5c5e24ee1c1e023e170e29ee49de756ebadef80f4aaf905ff6704a8099f0e27131d17621adf1c7f1e371f001fde1dd81bfd1864152811690c4b07f60193fc49f741f2a2ed8fe928e685e3bce1d9e0e4e0dce1bae36fe6e8e908eeb2f2c2f710fd7302c507dc0c9011bf154819101c021e0f1f301f621eae1c1e1ac716c3122f0e3009ea0388fe2ff90bf442eff8ea4fe762e448e210e1c4e067e1f2e25be590e877ecf2f0e1f51dfb7d00db050b0be80f4b141418251b671dc81e401fc81e671d251b14184b14e80f0b0bdb057d001dfbe1f5f2f077ec90e85be5f2e267e1c4e010e148e262e44fe7f8ea42ef0bf42ff988feea0330092f0ec312c7161e1aae1c621e301f0f1f021e101c4819bf159011dc0cc507730210fdc2f7b2f208eee8e96fe6bae3dce1e4e0d9e0bce185e328e68fe9a2ed41f249f793fcf6014b07690c28116415fd18d81bde1d001f371f7f1edf1c621a1d1727139f0ea809670405ffaaf980f4adef56eb9de79ee470e223e1c1e04ee1c5e21be53de815ec85f06bf5a1fa00005f05950a7b0feb13c317e51a3b1db21e3f1fdd1e901d621b6318aa145310800b5606fb0099fb58f661f1d9ece3e89ee521e381e1c9e000e122e228e403e79cead8ee97f3b5f80afe6d03b708bf0d5e127116d8197b1c441e271f1c1f241e461c91191816f8114e0d3e08f0028dfd3bf824f370ee41eab8e6f0e3fee1f1e0d0e09ee152e3e2e539e93dedd1f1d0f616fc7801d106f50bbe100815b1189e1bb81df01e3c1f991e0e1da51a701789130e0f1f0ae30483ff25faf5f418f0b5ebece7dbe499e238e1c0e038e199e2dbe4ece7b5eb18f0f5f425fa83ffe3041f0a0e0f89137017a51a0e1d991e3c1ff01eb81d9e1bb1180815be10f50bd106780116fcd0f6d1f13ded39e9e2e552e39ee1d0e0f1e0fee1f0e3b8e641ea70ee24f33bf88dfdf0023e084e0df81118169119461c241e1c1f271f441e7b1cd81971165e12bf0db7086d030afeb5f897f3d8ee9cea03e728e422e200e1c9e081e121e39ee5e3e8d9ec61f158f699fbfb005606800b5310aa146318621b901ddd1e3f1fb21e3b1de51ac317eb137b0f950a5f050000a1fa6bf585f015ec3de81be5c5e24ee1c1e023e170e29ee49de756ebadef80f4aaf905ff6704a8099f0e27131d17621adf1c7f1e371f001fde1dd81bfd1864152811690c4b07f60193fc49f741f2a2ed8fe928e685e3bce1d9e0e4e0dce1bae36fe6e8e908eeb2f2c2f710fd7302c507dc0c9011bf154819101c021e0f1f301f621eae1c1e1ac716c3122f0e3009ea0388fe2ff90bf442eff8ea4fe762e448e210e1c4e067e1f2e25be590e877ecf2f0e1f51dfb7d00db050b0be80f4b141418251b671dc81e401fc81e671d251b14184b14e80f0b0bdb057d001dfbe1f5f2f077ec90e85be5f2e267e1c4e010e148e262e44fe7f8ea42ef0bf42ff988feea0330092f0ec312c7161e1aae1c621e301f0f1f021e101c4819bf159011dc0cc507730210fdc2f7b2f208eee8e96fe6bae3dce1e4e0d9e0bce185e328e68fe9a2ed41f249f793fcf6014b07690c28116415fd18d81bde1d001f371f7f1edf1c621a1d1727139f0ea809670405ffaaf980f4adef56eb9de79ee470e223e1c1e04ee1c5e21be53de815ec85f06bf5a1fa00005f05950a7b0feb13c317e51a3b1db21e3f1fdd1e901d621b6318aa145310800b5606fb0099fb58f661f1d9ece3e89ee521e381e1c9e000e122e228e403e79cead8ee97f3b5f80afe6d03b708bf0d5e127116d8197b1c441e271f1c1f241e461c91191816f8114e0d3e08f0028dfd3bf824f370ee41eab8e6f0e3fee1f1e0d0e09ee152e3e2e539e93dedd1f1d0f616fc7801d106f50bbe100815b1189e1bb81df01e3c1f991e0e1da51a701789130e0f1f0ae30483ff25faf5f418f0b5ebece7dbe499e238e1c0e038e199e2dbe4ece7b5eb18f0f5f425fa83ffe3041f0a0e0f89137017a51a0e1d991e3c1ff01eb81d9e1bb1180815be10f50bd106780116fcd0f6d1f13ded39e9e2e552e39ee1d0e0f1e0fee1f0e3b8e641ea70ee24f33bf88dfdf0023e084e0df81118169119461c241e1c1f271f441e7b1cd81971165e12bf0db7086d030afeb5f897f3d8ee9cea03e728e422e200e1c9e081e121e39ee5e3e8d9ec61f158f699fbfb005606800b5310aa146318621b901ddd1e3f1fb21e3b1de51ac317eb137b0f950a5f050000a1fa6bf585f015ec3de81be5c5e24ee1c1e023e170e29ee49de756ebadef80f4aaf905ff6704a8099f0e27131d17621adf1c7f1e371f001fde1dd81bfd1864152811690c4b07f60193fc49f741f2a2ed8fe928e685e3bce1d9e0e4e0dce1bae36fe6e8e908eeb2f2c2f710fd7302c507dc0c9011bf154819101c021e0f1f301f621eae1c1e1ac716c3122f0e3009ea0388fe2ff90bf442eff8ea4fe762e448e210e1c4e067e1f2e25be590e877ecf2f0e1f51dfb7d00db050b0be80f4b141418251b671dc81e401fc81e671d251b14184b14e80f0b0bdb057d001dfbe1f5f2f077ec90e85be5f2e267e1c4e010e148e262e44fe7f8ea42ef0bf42ff988feea0330092f0ec312c7161e1aae1c621e301f0f1f021e101c4819bf159011dc0cc507730210fdc2f7b2f208eee8e96fe6bae3dce1e4e0d9e0bce185e328e68fe9a2ed41f249f793fcf6014b07690c28116415fd18d81bde1d001f371f7f1edf1c621a1d1727139f0ea809670405ffaaf980f4adef56eb9de79ee470e223e1c1e04ee1c5e21be53de815ec85f06bf5a1fa');
INSERT INTO convo_golden.convo_blob_chunk VALUES ('', 'ac78011e77ca8463eef46d51baf6ae5be57ded372cd1e0e2fd984a865a4c1027', 0, '\xfffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO convo_golden.convo_blob_chunk VALUES ('ada', '9e56da473956dae1c47891196aa783d54b80a934abdcf5320261d8732fa3b737', 0, '\x52494646a40c000057415645666d74201000000001000100401f0000803e00000200100064617461800c0000000002087b0fec15e51a131e3f1f541e621b9c165310f408fb00f2f861f1caea9ee535e2c9e074e128e4b9e8d8ee1df60afe1806bf0d7b14d8197c1d271fbd1e461ceb17f811d00af002dffa24f346ecb8e6dbe2f1e019e152e376e73ded45f416fc2804f50bf512b118c61cf01e081f0e1d23198913a20ce304d1fcf5f4d5edece79fe338e1dee099e24be6b5eb7af225fa35021f0a5c117017f41b991e331fb81d401a0815670ed106c6fed0f677ef39e980e49ee1c3e0fee13be541eabcf03bf83e003e08b20f1816051b241e3f1f441e431b71161e10b708bc00b5f82af19cea7ce522e2c7e081e145e4e3e80def58f649fe5606f70daa14fb19901d2c1fb21e2b1cc317c411950ab202a1faebf215ec94e6c5e2eae023e16ce39de770ed80f454fc67042f0c2713d718df1cf81e001ff61cfd185813690ca50493fcbaf4a2edc5e785e32de1e4e0afe26fe6e5ebb2f263fa73025a0a90119a17101ca61e301fa41d1e1ad9142f0e930688fe94f642ef0ee962e48fe1c4e010e25be56eeaf2f078f87d007b08e80f4516251b341e401f341e251b4516e80f7b087d0078f8f2f06eea5be510e2c4e08fe162e40ee942ef94f688fe93062f0ed9141e1aa41d301fa61e101c9a1790115a0a730263fab2f2e5eb6fe6afe2e4e02de185e3c5e7a2edbaf493fca504690c5813fd18f61c001ff81edf1cd71827132f0c670454fc80f470ed9de76ce323e1eae0c5e294e615ecebf2a1fab202950ac411c3172b1cb21e2c1f901dfb19aa14f70d560649fe58f60defe3e845e481e1c7e022e27ce59cea2af1b5f8bc00b7081e107116431b441e3f1f241e051b1816b20f3e083e003bf8bcf041ea3be5fee1c3e09ee180e439e977efd0f6c6fed106670e0815401ab81d331f991ef41b70175c111f0a350225fa7af2b5eb4be699e2dee038e19fe3ece7d5edf5f4d1fce304a20c891323190e1d081ff01ec61cb118f512f50b280416fc45f43ded76e752e319e1f1e0dbe2b8e646ec24f3dffaf002d00af811eb17461cbd1e271f7c1dd8197b14bf0d18060afe1df6d8eeb9e828e474e1c9e035e29ee5caea61f1f2f8fb00f40853109c16621b541e3f1f131ee51aec157b0f02080000fef785f014ea1be5ede1c1e0ace19ee464e9adef0cf705ff0e079f0e3615621acb1d371f8c1ed81b47172811e309f601e8f941f285eb28e684e2d9e043e1bae315e808ee30f510fd2105dc0cba134819251d0f1fe71eae1c8a18c312bb0bea03d8fb0bf40bed4fe73ae310e1f8e0f2e2dde677ec5ef31dfb2f030b0b2b121418611cc81e221f671db5194b14860ddb05cbfde1f5a4ee90e80ce467e1cde048e2c0e5f8ea99f12ff93a0130098910c716801b621e3d1f021ec51abf15440fc507c2ffc2f74ef0e8e9fbe4dce1c1e0bce1bde48fe9e2ef49f744ff4b07d60e6415841ade1d391f7f1ebb1b1d17f310a809b701aaf909f256eb05e670e2d4e04ee1d5e33de83cee6bf54efd5f05150deb136c193b1d161fdd1e941c63189012800bac0399fbd1f3d9ec29e721e308e100e10ae303e7a8ec97f35bfb6d03460b5e123b187b1cd31e1c1f511d91191b144e0d9d058dfda6f570ee66e8f0e35ae1d0e05ce2e2e527ebd1f16df978016c09be10f2169e1b711e3c1ff01da51a92150e0f880783ff85f718f0bbe9dbe4cce1c0e0cce1dbe4bbe918f085f783ff88070e0f9215a51af01d3c1f711e9e1bf216be106c0978016df9d1f127ebe2e55ce2d0e05ae1f0e366e870eea6f58dfd9d054e0d1b149119511d1c1fd31e7b1c3b185e12460b6d035bfb97f3a8ec03e70ae300e108e121e329e7d9ecd1f399fbac03800b90126318941cdd1e161f3b1d6c19eb13150d5f054efd6bf53cee3de8d5e34ee1d4e070e205e656eb09f2aaf9b701a809f3101d17bb1b7f1e391fde1d841a6415d60e4b0744ff49f7e2ef8fe9bde4bce1c1e0dce1fbe4e8e94ef0c2f7c2ffc507440fbf15c51a021e3d1f621e801bc716891030093a012ff999f1f8eac0e548e2cde067e10ce490e8a4eee1f5cbfddb05860d4b14b519671d221fc81e611c14182b120b0b2f031dfb5ef377ecdde6f2e2f8e010e13ae34fe70bed0bf4d8fbea03bb0bc3128a18ae1ce71e0f1f251d4819ba13dc0c210510fd30f508ee15e8bae343e1d9e084e228e685eb41f2e8f9f601e30928114717d81b8c1e371fcb1d621a36159f0e0e0705ff0cf7adef64e99ee4ace1c1e0ede11be514ea85f0fef7000002087b0fec15e51a131e3f1f541e621b9c165310f408fb00f2f861f1caea9ee535e2c9e074e128e4b9e8d8ee1df60afe1806bf0d7b14d8197c1d271fbd1e461ceb17f811d00af002dffa24f346ecb8e6dbe2f1e019e152e376e73ded45f416fc2804f50bf512b118c61cf01e081f0e1d23198913a20ce304d1fcf5f4d5edece79fe338e1dee099e24be6b5eb7af225fa35021f0a5c117017f41b991e331fb81d401a0815670ed106c6fed0f677ef39e980e49ee1c3e0fee13be541eabcf03bf83e003e08b20f1816051b241e3f1f441e431b71161e10b708bc00b5f82af19cea7ce522e2c7e081e145e4e3e80def58f649fe5606f70daa14fb19901d2c1fb21e2b1cc317c411950ab202a1faebf215ec94e6c5e2eae023e16ce39de770ed80f454fc67042f0c2713d718df1cf81e001ff61cfd185813690ca50493fcbaf4a2edc5e785e32de1e4e0afe26fe6e5ebb2f263fa73025a0a90119a17101ca61e301fa41d1e1ad9142f0e930688fe94f642ef0ee962e48fe1c4e010e25be56eeaf2f078f87d007b08e80f4516251b341e401f341e251b4516e80f7b087d0078f8f2f06eea5be510e2c4e08fe162e40ee942ef94f688fe93062f0ed9141e1aa41d301fa61e101c9a1790115a0a730263fab2f2e5eb6fe6afe2e4e02de185e3c5e7a2edbaf493fca504690c5813fd18f61c001ff81edf1cd71827132f0c670454fc80f470ed9de76ce323e1eae0c5e294e615ecebf2a1fab202950ac411c3172b1cb21e2c1f901dfb19aa14f70d560649fe58f60defe3e845e481e1c7e022e27ce59cea2af1b5f8bc00b7081e107116431b441e3f1f241e051b1816b20f3e083e003bf8bcf041ea3be5fee1c3e09ee180e439e977efd0f6c6fed106670e0815401ab81d331f991ef41b70175c111f0a350225fa7af2b5eb4be699e2dee038e19fe3ece7d5edf5f4d1fce304a20c891323190e1d081ff01ec61cb118f512f50b280416fc45f43ded76e752e319e1f1e0dbe2b8e646ec24f3dffaf002d00af811eb17461cbd1e271f7c1dd8197b14bf0d18060afe1df6d8eeb9e828e474e1c9e035e29ee5caea61f1f2f8fb00f40853109c16621b541e3f1f131ee51aec157b0f02080000fef785f014ea1be5ede1c1e0ace19ee464e9adef0cf705ff0e079f0e3615621acb1d371f8c1ed81b47172811e309f601e8f941f285eb28e684e2d9e043e1bae315e808ee30f510fd2105dc0cba134819251d0f1fe71eae1c8a18c312bb0bea03d8fb0bf40bed4fe73ae310e1f8e0f2e2dde677ec5ef31dfb2f030b0b2b121418611cc81e221f671db5194b14860ddb05cbfde1f5a4ee90e80ce467e1cde048e2c0e5f8ea99f12ff93a0130098910c716801b621e3d1f021ec51abf15440fc507c2ffc2f74ef0e8e9fbe4dce1c1e0bce1bde48fe9e2ef49f744ff4b07d60e6415841ade1d391f7f1ebb1b1d17f310a809b701aaf909f256eb05e670e2d4e04ee1d5e33de83cee6bf54efd5f05150deb136c193b1d161fdd1e941c63189012800bac0399fbd1f3d9ec29e721e308e100e10ae303e7a8ec97f35bfb6d03460b5e123b187b1cd31e1c1f511d91191b144e0d9d058dfda6f570ee66e8f0e35ae1d0e05ce2e2e527ebd1f16df978016c09be10f2169e1b711e3c1ff01da51a92150e0f880783ff85f718f0bbe9dbe4cce1c0e0cce1dbe4bbe918f085f783ff88070e0f9215a51af01d3c1f711e9e1bf216be106c0978016df9d1f127ebe2e55ce2d0e05ae1f0e366e870eea6f58dfd9d054e0d1b149119511d1c1fd31e7b1c3b185e12460b6d035bfb97f3a8ec03e70ae300e108e121e329e7d9ecd1f399fbac03800b90126318941cdd1e161f3b1d6c19eb13150d5f054efd6bf53cee3de8d5e34ee1d4e070e205e656eb09f2aaf9b701a809f3101d17bb1b7f1e391fde1d841a6415d60e4b0744ff49f7e2ef8fe9bde4bce1c1e0dce1fbe4e8e94ef0c2f7c2ffc507440fbf15c51a021e3d1f621e801bc716891030093a012ff999f1f8eac0e548e2cde067e10ce490e8a4eee1f5cbfddb05860d4b14b519671d221fc81e611c14182b120b0b2f031dfb5ef377ecdde6f2e2f8e010e13ae34fe70bed0bf4d8fbea03bb0bc3128a18ae1ce71e0f1f251d4819ba13dc0c210510fd30f508ee15e8bae343e1d9e084e228e685eb41f2e8f9f601e30928114717d81b8c1e371fcb1d621a36159f0e0e0705ff0cf7adef64e99ee4ace1c1e0ede11be514ea85f0fef7');
INSERT INTO convo_golden.convo_blob_chunk VALUES ('ada', 'ac78011e77ca8463eef46d51baf6ae5be57ded372cd1e0e2fd984a865a4c1027', 0, '\xfffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000fffb14c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO convo_golden.convo_branch VALUES ('', '01a196fb-1602-7000-8000-000000000002', '01a196fb-1601-7000-8000-000000000001', 12, 12, NULL, 1, NULL, '2026-11-01 12:00:00+00', 'shown', NULL, NULL);
INSERT INTO convo_golden.convo_branch VALUES ('', '01a196fb-1612-7000-8000-000000000012', '01a196fb-1611-7000-8000-000000000011', 6, NULL, NULL, 1, NULL, '2026-11-01 12:01:00+00', 'shown', '01a196fb-160e-7000-8000-00000000000e', 3);
INSERT INTO convo_golden.convo_branch VALUES ('', '01a196fb-160e-7000-8000-00000000000e', '01a196fb-160b-7000-8000-00000000000b', 3, NULL, NULL, 1, NULL, '2026-11-01 12:01:00+00', 'left', '01a196fb-160c-7000-8000-00000000000c', 1);
INSERT INTO convo_golden.convo_branch VALUES ('', '01a196fb-160c-7000-8000-00000000000c', '01a196fb-160b-7000-8000-00000000000b', 3, NULL, NULL, 1, NULL, '2026-11-01 12:01:00+00', 'shown', NULL, NULL);
INSERT INTO convo_golden.convo_branch VALUES ('', '01a196fb-1615-7000-8000-000000000015', '01a196fb-1614-7000-8000-000000000014', 9, NULL, NULL, 1, NULL, '2026-11-01 12:01:00+00', 'shown', NULL, NULL);
INSERT INTO convo_golden.convo_branch VALUES ('ada', '01a196fb-160a-7000-8000-00000000000a', '01a196fb-1609-7000-8000-000000000009', 3, NULL, NULL, 0, NULL, '2026-11-01 12:01:00+00', 'shown', NULL, NULL);
INSERT INTO convo_golden.convo_conversation VALUES ('', '01a196fb-1601-7000-8000-000000000001', 'call-1', '01a196fb-1602-7000-8000-000000000002', 'All of it', '{"channel":"phone","n":1}', '2026-11-01 12:00:00+00', NULL);
INSERT INTO convo_golden.convo_conversation VALUES ('ada', '01a196fb-1609-7000-8000-000000000009', NULL, '01a196fb-160a-7000-8000-00000000000a', NULL, NULL, '2026-11-01 12:01:00+00', NULL);
INSERT INTO convo_golden.convo_conversation VALUES ('', '01a196fb-1611-7000-8000-000000000011', NULL, '01a196fb-1612-7000-8000-000000000012', NULL, NULL, '2026-11-01 12:01:00+00', NULL);
INSERT INTO convo_golden.convo_conversation VALUES ('', '01a196fb-160b-7000-8000-00000000000b', 'branches', '01a196fb-160c-7000-8000-00000000000c', NULL, NULL, '2026-11-01 12:01:00+00', NULL);
INSERT INTO convo_golden.convo_conversation VALUES ('', '01a196fb-1614-7000-8000-000000000014', 'long', '01a196fb-1615-7000-8000-000000000015', NULL, NULL, '2026-11-01 12:01:00+00', NULL);
INSERT INTO convo_golden.convo_exchange VALUES ('', '01a196fb-1603-7000-8000-000000000003', '01a196fb-1601-7000-8000-000000000001', '01a196fb-1602-7000-8000-000000000002', 'turn-1', '\x4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945', 'done', 1, 'chat', 'gpt-audio-1.5', 'gpt-audio-1.5', 'http://fake.test/v1', 3, 2, 2, 3, '2026-11-01 12:00:00+00', '2026-11-01 12:00:00+00', 'req_6fbcc558b7e289a8f053b8c9df6327aa', 'stop', NULL, NULL, '{"id":"chatcmpl-6376cbb200a6358fb41c0b8736f43","choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":null}],"created":1793534400,"model":"gpt-audio-1.5","object":"chat.completion","service_tier":"default","system_fingerprint":null,"usage":{"completion_tokens":9,"prompt_tokens":13,"total_tokens":22,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":8,"reasoning_tokens":0,"rejected_prediction_tokens":0,"text_tokens":1},"prompt_tokens_details":{"audio_tokens":2,"cached_tokens":0,"image_tokens":0,"text_tokens":11}}}', 'alloy', 'mp3', true, 13, 9, 22, 11, 2, 0, 0, NULL, NULL, 1, 8, 0, 0, 0, 613500000, 'USD', 'OpenAI list prices 2026-11-01', 13, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-01 12:00:00+00', 0, 0, 0, 0, 0, 0, 27500000, 10000000, 64000000, 512000000, 0, 0, 0, 0, 0, 0, 0, 0, NULL, true);
INSERT INTO convo_golden.convo_exchange VALUES ('', '01a196fb-1604-7000-8000-000000000004', '01a196fb-1601-7000-8000-000000000001', '01a196fb-1602-7000-8000-000000000002', 'turn-2', '\x4c683a0fedaa544425b9ac4e9175960f87a840d51259868ad365bca66e60d5ad', 'done', 1, 'chat', 'gpt-audio-1.5', 'gpt-audio-1.5', 'http://fake.test/v1', 4, 4, 4, 5, '2026-11-01 12:00:00+00', '2026-11-01 12:00:00+00', 'req_37f0b6e090351777b7121abf115ba914', 'stop', NULL, NULL, '{"id":"chatcmpl-e6a22676930c5d466612bb72a4023","choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":null}],"created":1793534400,"model":"gpt-audio-1.5","object":"chat.completion","service_tier":"default","system_fingerprint":null,"usage":{"completion_tokens":10,"prompt_tokens":32,"total_tokens":42,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":8,"reasoning_tokens":0,"rejected_prediction_tokens":0,"text_tokens":2},"prompt_tokens_details":{"audio_tokens":10,"cached_tokens":0,"image_tokens":0,"text_tokens":22}}}', 'alloy', 'mp3', true, 32, 10, 42, 22, 10, 0, 0, NULL, NULL, 2, 8, 0, 0, 0, 907000000, 'USD', 'OpenAI list prices 2026-11-01', 32, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-01 12:00:00+00', 0, 0, 1, 0, 2176, 0, 55000000, 20000000, 320000000, 512000000, 0, 0, 0, 0, 0, 0, 0, 0, NULL, true);
INSERT INTO convo_golden.convo_exchange VALUES ('', '01a196fb-1605-7000-8000-000000000005', '01a196fb-1601-7000-8000-000000000001', '01a196fb-1602-7000-8000-000000000002', 'turn-3', '\x5c16e40af08608de86990f36004731d47fe6aa5c88c9a8de5e9a08cf6731c9db', 'done', 1, 'chat', 'gpt-audio-1.5', 'gpt-audio-1.5', 'http://fake.test/v1', 6, 6, 6, 7, '2026-11-01 12:00:00+00', '2026-11-01 12:00:00+00', 'req_6abe304bb9fc5509fdbb4901113dec86', 'tool_calls', NULL, NULL, '{"id":"chatcmpl-2cfdf2769520ae1d7494c45d747af","choices":[{"finish_reason":"tool_calls","index":0,"logprobs":null,"message":null}],"created":1793534400,"model":"gpt-audio-1.5","object":"chat.completion","service_tier":"default","system_fingerprint":null,"usage":{"completion_tokens":6,"prompt_tokens":70,"total_tokens":76,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0,"text_tokens":6},"prompt_tokens_details":{"audio_tokens":18,"cached_tokens":0,"image_tokens":0,"text_tokens":52}}}', NULL, NULL, false, 70, 6, 76, 52, 18, 0, 0, NULL, NULL, 6, 0, 0, 0, 0, 766000000, 'USD', 'OpenAI list prices 2026-11-01', 74, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-01 12:00:00+00', 0, 0, 2, 0, 4352, 0, 130000000, 60000000, 576000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, false);
INSERT INTO convo_golden.convo_exchange VALUES ('', '01a196fb-1606-7000-8000-000000000006', '01a196fb-1601-7000-8000-000000000001', '01a196fb-1602-7000-8000-000000000002', 'turn-4', '\x4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945', 'done', 1, 'chat', 'gpt-audio-1.5', 'gpt-audio-1.5', 'http://fake.test/v1', 9, 8, 8, 9, '2026-11-01 12:01:00+00', '2026-11-01 12:01:00+00', 'req_42f84354af3c51e1328138f950cab60c', 'stop', NULL, NULL, '{"id":"chatcmpl-aa10c69f692c4918785074c8a589f","choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":null}],"created":1793534460,"model":"gpt-audio-1.5","object":"chat.completion","service_tier":"default","system_fingerprint":null,"usage":{"completion_tokens":5,"prompt_tokens":86,"total_tokens":91,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0,"text_tokens":5},"prompt_tokens_details":{"audio_tokens":18,"cached_tokens":0,"image_tokens":0,"text_tokens":68}}}', NULL, NULL, false, 86, 5, 91, 68, 18, 0, 0, NULL, NULL, 5, 0, 0, 0, 0, 796000000, 'USD', 'OpenAI list prices 2026-11-01', 92, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-01 12:01:00+00', 0, 0, 2, 0, 4352, 0, 170000000, 50000000, 576000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, false);
INSERT INTO convo_golden.convo_exchange VALUES ('', '01a196fb-1607-7000-8000-000000000007', '01a196fb-1601-7000-8000-000000000001', '01a196fb-1602-7000-8000-000000000002', 'turn-5', '\x56783c90264c6a3da62204e81474add746b77f2e18043128b55a9e48d4d6d29c', 'failed', 1, 'chat', 'gpt-audio-1.5', NULL, 'http://fake.test/v1', 10, 10, 10, NULL, '2026-11-01 12:01:00+00', '2026-11-01 12:01:00+00', 'req_6b29c05b85a210416c82153d2c6bd32b', NULL, 'invalid_api_key', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 131, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-01 12:01:00+00', 0, 0, 2, 0, 4352, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false);
INSERT INTO convo_golden.convo_exchange VALUES ('', '01a196fb-1608-7000-8000-000000000008', '01a196fb-1601-7000-8000-000000000001', '01a196fb-1602-7000-8000-000000000002', 'turn-6', '\x4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945', 'done', 1, 'chat', 'gpt-audio-1.5', 'gpt-audio-1.5', 'http://fake.test/v1', 11, 10, 10, 11, '2026-11-01 12:01:00+00', '2026-11-01 12:01:00+00', 'req_daef0f81e20c61c5cc0cb6c3ffbfe0ed', 'stop', NULL, NULL, '{"id":"chatcmpl-9d7be9ab65b98442c823dae2b36df","choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":null}],"created":1793534460,"model":"gpt-audio-1.5","object":"chat.completion","service_tier":"default","system_fingerprint":null,"usage":{"completion_tokens":4,"prompt_tokens":116,"total_tokens":120,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0,"text_tokens":4},"prompt_tokens_details":{"audio_tokens":18,"cached_tokens":0,"image_tokens":0,"text_tokens":98}}}', NULL, NULL, false, 116, 4, 120, 98, 18, 0, 0, NULL, NULL, 4, 0, 0, 0, 0, 861000000, 'USD', 'OpenAI list prices 2026-11-01', 131, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-01 12:01:00+00', 0, 0, 2, 0, 4352, 0, 245000000, 40000000, 576000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, false);
INSERT INTO convo_golden.convo_exchange VALUES ('', '01a196fb-160d-7000-8000-00000000000d', '01a196fb-160b-7000-8000-00000000000b', '01a196fb-160c-7000-8000-00000000000c', 'b-1', '\x8f8d6fdca06262f7513d9927f7b1acad702de7767398a6fcf0231dafc242a4f3', 'done', 1, 'chat', 'gpt-4.1', 'gpt-4.1', 'http://fake.test/v1', 2, 2, 2, 3, '2026-11-01 12:01:00+00', '2026-11-01 12:01:00+00', 'req_dd1b52ac2e8127a49e1432dffb54612e', 'stop', NULL, NULL, '{"id":"chatcmpl-6da652e516511f707681de4076899","choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":null}],"created":1793534460,"model":"gpt-4.1","object":"chat.completion","service_tier":"default","system_fingerprint":null,"usage":{"completion_tokens":3,"prompt_tokens":13,"total_tokens":16,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0,"text_tokens":3},"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0,"image_tokens":0,"text_tokens":13}}}', NULL, NULL, false, 13, 3, 16, 13, 0, 0, 0, NULL, NULL, 3, 0, 0, 0, 0, 50000000, 'USD', 'OpenAI list prices 2026-11-01', 14, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-01 12:01:00+00', 0, 0, 0, 0, 0, 0, 26000000, 24000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, false);
INSERT INTO convo_golden.convo_exchange VALUES ('', '01a196fb-1610-7000-8000-000000000010', '01a196fb-160b-7000-8000-00000000000b', '01a196fb-160e-7000-8000-00000000000e', 'b-2', '\x4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945', 'done', 1, 'chat', 'gpt-4.1', 'gpt-4.1', 'http://fake.test/v1', 3, 2, 2, 3, '2026-11-01 12:01:00+00', '2026-11-01 12:01:00+00', 'req_92ace8de173c8adb3e70e54838ee9759', 'stop', NULL, NULL, '{"id":"chatcmpl-140770387283c09dafcc69f5a474f","choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":null}],"created":1793534460,"model":"gpt-4.1","object":"chat.completion","service_tier":"default","system_fingerprint":null,"usage":{"completion_tokens":2,"prompt_tokens":13,"total_tokens":15,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0,"text_tokens":2},"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0,"image_tokens":0,"text_tokens":13}}}', NULL, NULL, false, 13, 2, 15, 13, 0, 0, 0, NULL, NULL, 2, 0, 0, 0, 0, 42000000, 'USD', 'OpenAI list prices 2026-11-01', 14, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-01 12:01:00+00', 0, 0, 0, 0, 0, 0, 26000000, 16000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, false);
INSERT INTO convo_golden.convo_exchange VALUES ('', '01a196fb-1613-7000-8000-000000000013', '01a196fb-1611-7000-8000-000000000011', '01a196fb-1612-7000-8000-000000000012', NULL, '\x6fca24c11c24ac24838ce32de13830882dabe810d4b3babfc19b179ddca72904', 'interrupted', 1, 'chat', 'gpt-4.1', 'gpt-4.1', 'http://fake.test/v1', 5, 5, 5, 6, '2026-11-01 12:01:00+00', '2026-11-01 12:01:00+00', 'req_7585131ee707e3d4558561704d29651d', NULL, NULL, NULL, '{"id":"chatcmpl-d98688a2d12504427341db0b428d3","created":1793534460,"model":"gpt-4.1","object":"chat.completion","service_tier":"default","system_fingerprint":null,"usage":null,"choices":[{"index":0,"message":null,"finish_reason":null,"logprobs":null}]}', NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'USD', 'OpenAI list prices 2026-11-01', 27, NULL, 30, 78000000, NULL, NULL, NULL, '2026-11-01 12:01:00+00', 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false);
INSERT INTO convo_golden.convo_exchange VALUES ('', '01a196fb-1616-7000-8000-000000000016', '01a196fb-1614-7000-8000-000000000014', '01a196fb-1615-7000-8000-000000000015', 'n-0', '\x98f6f12143a041c39cffc38567e1185ac4b8b36f21e44d4c71a5da103b6c02fa', 'done', 1, 'chat', 'gpt-4.1', 'gpt-4.1', 'http://fake.test/v1', 3, 3, 3, 4, '2026-11-01 12:01:00+00', '2026-11-01 12:01:00+00', 'req_75c11c68f19b5003e8ea3ba5bd9ea4c6', 'stop', NULL, NULL, '{"id":"chatcmpl-fb918c1fef31995fb0f404dc521f5","choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":null}],"created":1793534460,"model":"gpt-4.1","object":"chat.completion","service_tier":"default","system_fingerprint":null,"usage":{"completion_tokens":3,"prompt_tokens":18,"total_tokens":21,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0,"text_tokens":3},"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0,"image_tokens":0,"text_tokens":18}}}', NULL, NULL, false, 18, 3, 21, 18, 0, 0, 0, NULL, NULL, 3, 0, 0, 0, 0, 60000000, 'USD', 'OpenAI list prices 2026-11-01', 22, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-01 12:01:00+00', 0, 0, 0, 0, 0, 0, 36000000, 24000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, false);
INSERT INTO convo_golden.convo_exchange VALUES ('', '01a196fb-1617-7000-8000-000000000017', '01a196fb-1614-7000-8000-000000000014', '01a196fb-1615-7000-8000-000000000015', 'n-1', '\x0eb16e611d7ea905c85981b42133abe73022c8764589a6896c3b93534fe2b175', 'done', 1, 'chat', 'gpt-4.1', 'gpt-4.1', 'http://fake.test/v1', 5, 5, 5, 6, '2026-11-01 12:01:00+00', '2026-11-01 12:01:00+00', 'req_6da4874c8bcdcd4eee9066af34275085', 'stop', NULL, NULL, '{"id":"chatcmpl-b371caca9651eaaece57289867320","choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":null}],"created":1793534460,"model":"gpt-4.1","object":"chat.completion","service_tier":"default","system_fingerprint":null,"usage":{"completion_tokens":3,"prompt_tokens":33,"total_tokens":36,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0,"text_tokens":3},"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0,"image_tokens":0,"text_tokens":33}}}', NULL, NULL, false, 33, 3, 36, 33, 0, 0, 0, NULL, NULL, 3, 0, 0, 0, 0, 90000000, 'USD', 'OpenAI list prices 2026-11-01', 39, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-01 12:01:00+00', 0, 0, 0, 0, 0, 0, 66000000, 24000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, false);
INSERT INTO convo_golden.convo_exchange VALUES ('', '01a196fb-1618-7000-8000-000000000018', '01a196fb-1614-7000-8000-000000000014', '01a196fb-1615-7000-8000-000000000015', 'n-2', '\xaf51c157898899d1f44a374bee8810997953a4657c138ef1edae95e7d282b63a', 'done', 1, 'chat', 'gpt-4.1', 'gpt-4.1', 'http://fake.test/v1', 7, 7, 7, 8, '2026-11-01 12:01:00+00', '2026-11-01 12:01:00+00', 'req_4b0e2d2b1e5397ec5e3936f3a274eeae', 'stop', NULL, NULL, '{"id":"chatcmpl-882cbf695bc72e041261ff6376929","choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":null}],"created":1793534460,"model":"gpt-4.1","object":"chat.completion","service_tier":"default","system_fingerprint":null,"usage":{"completion_tokens":3,"prompt_tokens":48,"total_tokens":51,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0,"text_tokens":3},"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0,"image_tokens":0,"text_tokens":48}}}', NULL, NULL, false, 48, 3, 51, 48, 0, 0, 0, NULL, NULL, 3, 0, 0, 0, 0, 120000000, 'USD', 'OpenAI list prices 2026-11-01', 56, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-01 12:01:00+00', 0, 0, 0, 0, 0, 0, 96000000, 24000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, false);
INSERT INTO convo_golden.convo_exchange VALUES ('ada', '01a196fb-1619-7000-8000-000000000019', '01a196fb-1609-7000-8000-000000000009', '01a196fb-160a-7000-8000-00000000000a', NULL, '\x9e56da473956dae1c47891196aa783d54b80a934abdcf5320261d8732fa3b737', 'done', 1, 'transcriptions', 'gpt-transcribe', NULL, 'http://fake.test/v1', 1, 0, NULL, NULL, '2026-11-01 12:01:00+00', '2026-11-01 12:01:00+00', 'req_4db9abd91f434b538ddccd4b28e8e32b', NULL, NULL, NULL, '{"text":null,"languages":[{"code":"en"}],"usage":{"input_tokens":2,"output_tokens":5,"total_tokens":7,"type":"tokens","input_token_details":{"audio_tokens":2,"text_tokens":0}}}', NULL, NULL, NULL, 2, 5, 7, 0, 2, NULL, NULL, NULL, NULL, 5, 0, NULL, NULL, NULL, NULL, 'USD', 'OpenAI list prices 2026-11-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-01 12:01:00+00', 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_exchange VALUES ('ada', '01a196fb-161a-7000-8000-00000000001a', '01a196fb-1609-7000-8000-000000000009', '01a196fb-160a-7000-8000-00000000000a', NULL, '\x9e56da473956dae1c47891196aa783d54b80a934abdcf5320261d8732fa3b737', 'done', 1, 'translations', 'whisper-1', NULL, 'http://fake.test/v1', 1, 0, NULL, NULL, '2026-11-01 12:01:00+00', '2026-11-01 12:01:00+00', 'req_8bc0451640922a85d230ab763f38df5a', NULL, NULL, NULL, '{"text":null}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'USD', 'OpenAI list prices 2026-11-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-01 12:01:00+00', 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_exchange VALUES ('ada', '01a196fb-161b-7000-8000-00000000001b', '01a196fb-1609-7000-8000-000000000009', '01a196fb-160a-7000-8000-00000000000a', NULL, '\xd87d3680146bd7ab0891a57de9e96fe87e53d32b5970b14519138ae3e8e24840', 'done', 1, 'speech', 'gpt-4o-mini-tts', NULL, 'http://fake.test/v1', 1, 0, NULL, NULL, '2026-11-01 12:01:00+00', '2026-11-01 12:01:00+00', 'req_24e0d11c36b49d8ec9f37bff795d22da', NULL, NULL, NULL, NULL, 'alloy', 'mp3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'USD', 'OpenAI list prices 2026-11-01', NULL, NULL, NULL, NULL, NULL, NULL, 3, '2026-11-01 12:01:00+00', 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_home VALUES ('115da65a42c4328c');
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1602-7000-8000-000000000002', 1, 'instructions', 'system', '{"role":"system","content":"Be brief."}', '\xe57d1ef21a87af392778b05a6fd54e4a3a1d173b56c411c9b997cf1a45fa7dc1', 'complete', 'chat', NULL, 'Be brief.', '2026-11-01 12:00:00+00', NULL, false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1602-7000-8000-000000000002', 2, 'message', 'user', '{"role":"user","content":[{"type":"input_audio","input_audio":{"data":{"$blob":"70b62617023893728444794179e1525b31c457ff23faae5da126c3e28d0ba220"},"format":"wav"}}]}', '\x69e49d6b6600eb32567606626791cb0829ab411c56ea4d0bedab8c72e8bcd690', 'complete', 'chat', NULL, '', '2026-11-01 12:00:00+00', NULL, false, 1, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1602-7000-8000-000000000002', 3, 'message', 'assistant', '{"content":null,"refusal":null,"role":"assistant","annotations":[],"audio":{"id":"audio_86d679a6d061d3ff3adce0ad250e156a","data":{"$blob":"ac78011e77ca8463eef46d51baf6ae5be57ded372cd1e0e2fd984a865a4c1027"},"expires_at":1793538000,"transcript":"Yes."}}', '\x56b0e59bd8a7f5ca37377b2d822ec49ed4082404ab6d97d525fc199c691ac924', 'complete', 'chat', 'gpt-audio-1.5', 'Yes.', '2026-11-01 12:00:00+00', '01a196fb-1603-7000-8000-000000000003', false, 1, 'audio_86d679a6d061d3ff3adce0ad250e156a', '2026-11-01 13:00:00+00', 'http://fake.test/v1 organization=org-fake', 1, 8, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1602-7000-8000-000000000002', 4, 'message', 'user', '{"role":"user","content":"And more?"}', '\xa956863f93878a8eaa7dfcb9b34ceea3654a07de61a2a72509567ac4c71a8c42', 'complete', 'chat', NULL, 'And more?', '2026-11-01 12:00:00+00', '01a196fb-1604-7000-8000-000000000004', false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1602-7000-8000-000000000002', 5, 'message', 'assistant', '{"content":null,"refusal":null,"role":"assistant","annotations":[],"audio":{"id":"audio_597956cbf36ca1e1b5a5c5490744c5b3","data":{"$blob":"ac78011e77ca8463eef46d51baf6ae5be57ded372cd1e0e2fd984a865a4c1027"},"expires_at":1793538000,"transcript":"More."}}', '\x0a401857172d20c81c7eda369c70c6b3f2d4bde3e2d26272642c58ee3349741e', 'complete', 'chat', 'gpt-audio-1.5', 'More.', '2026-11-01 12:00:00+00', '01a196fb-1604-7000-8000-000000000004', false, 1, 'audio_597956cbf36ca1e1b5a5c5490744c5b3', '2026-11-01 13:00:00+00', 'http://fake.test/v1 organization=org-fake', 2, 8, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1602-7000-8000-000000000002', 6, 'message', 'user', '{"role":"user","content":"Look it up"}', '\x1d610985ff7e9ca3cd1b9a438ccffee3a27dc297c06e03349875cdcb57184852', 'complete', 'chat', NULL, 'Look it up', '2026-11-01 12:00:00+00', '01a196fb-1605-7000-8000-000000000005', false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1602-7000-8000-000000000002', 7, 'message', 'assistant', '{"content":null,"refusal":null,"role":"assistant","annotations":[],"tool_calls":[{"id":"call_1","function":{"arguments":"{\"what\":\"hound\"}","name":"look_up"},"type":"function"}]}', '\x81ff122bf6bbd52f1bd1592560cc500d46adad1d0b6e7fa22a16221632b2f860', 'complete', 'chat', 'gpt-audio-1.5', '', '2026-11-01 12:00:00+00', '01a196fb-1605-7000-8000-000000000005', false, 0, NULL, NULL, NULL, 6, 0, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1602-7000-8000-000000000002', 8, 'message', 'tool', '{"role":"tool","tool_call_id":"call_1","content":"a hound"}', '\xa122c8d45b28f1878669431cd763b2804c90c5cb84aa50a248dffe19e61070b0', 'complete', 'chat', NULL, 'a hound', '2026-11-01 12:00:00+00', NULL, false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1602-7000-8000-000000000002', 9, 'message', 'assistant', '{"content":"It is written there.","refusal":null,"role":"assistant","annotations":[]}', '\x4fb6c771b7166d1edbd8139218dfca382b06c648197c00620f6df5c14e526a93', 'complete', 'chat', 'gpt-audio-1.5', 'It is written there.', '2026-11-01 12:01:00+00', '01a196fb-1606-7000-8000-000000000006', false, 0, NULL, NULL, NULL, 5, 0, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1602-7000-8000-000000000002', 10, 'message', 'user', ' {"role":"user","content":"na\u00efve \ud83d\ude42 \u202eright to left\u202c e\u0301 ''quoted'' \"twice\" \\ back; DROP TABLE x --"}', '\x58072dbb8bfc43a760386f3ccfc015416e874a0ba5744e08a6576b3fd3277751', 'complete', 'chat', NULL, 'naïve 🙂 ‮right to left‬ é ''quoted'' "twice" \ back; DROP TABLE x --', '2026-11-01 12:01:00+00', '01a196fb-1607-7000-8000-000000000007', false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1602-7000-8000-000000000002', 11, 'message', 'assistant', '{"content":"I can try again.","refusal":null,"role":"assistant","annotations":[]}', '\xf6cc3fdf1cbff4b62122c613bdcef90d3417b03b2da3073e1efc42660a10f697', 'complete', 'chat', 'gpt-audio-1.5', 'I can try again.', '2026-11-01 12:01:00+00', '01a196fb-1608-7000-8000-000000000008', false, 0, NULL, NULL, NULL, 4, 0, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1602-7000-8000-000000000002', 12, 'instructions', 'system', '{"role":"system","content":"Be long."}', '\xffa66785570ebac09b4fb30d41bacff2c7351f42ecdb4bb3667be428c70a3763', 'complete', 'chat', NULL, 'Be long.', '2026-11-01 12:01:00+00', NULL, false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('ada', '01a196fb-160a-7000-8000-00000000000a', 1, 'message', 'user', ' {"role":"user","content":"na\u00efve \ud83d\ude42 \u202eright to left\u202c e\u0301 ''quoted'' \"twice\" \\ back; DROP TABLE x --"}', '\x58072dbb8bfc43a760386f3ccfc015416e874a0ba5744e08a6576b3fd3277751', 'complete', 'chat', NULL, 'naïve 🙂 ‮right to left‬ é ''quoted'' "twice" \ back; DROP TABLE x --', '2026-11-01 12:01:00+00', NULL, false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-160c-7000-8000-00000000000c', 1, 'message', 'system', '{"role":"system","content":"Be kind."}', '\xa26c88a49379d12647679aa180b2dec75db1ad82231109172b11553b961991fd', 'complete', 'chat', NULL, 'Be kind.', '2026-11-01 12:01:00+00', NULL, false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-160c-7000-8000-00000000000c', 2, 'message', 'user', '{"role":"user","content":"Which bird?"}', '\xb6863f475493787f6d16189ea8e903e9fb2cf08d6d23cdc416c207484c933dca', 'complete', 'chat', NULL, 'Which bird?', '2026-11-01 12:01:00+00', '01a196fb-160d-7000-8000-00000000000d', false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-160c-7000-8000-00000000000c', 3, 'message', 'assistant', '{"content":"A kestrel.","refusal":null,"role":"assistant","annotations":[]}', '\x5be5a5411761bf7d479ee3890cb864ada479a9094b4efe5841b12222310fe367', 'complete', 'chat', 'gpt-4.1', 'A kestrel.', '2026-11-01 12:01:00+00', '01a196fb-160d-7000-8000-00000000000d', false, 0, NULL, NULL, NULL, 3, 0, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-160e-7000-8000-00000000000e', 2, 'message', 'user', '{"role":"user","content":"Which fish?"}', '\x2432c7331ec622ae08666f58f3c28332b3d040b3a6cab3379df72b149dfd0a5a', 'complete', 'chat', NULL, 'Which fish?', '2026-11-01 12:01:00+00', NULL, false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-160e-7000-8000-00000000000e', 3, 'message', 'assistant', '{"content":"A pike.","refusal":null,"role":"assistant","annotations":[]}', '\xc496a6a14be7d6435596f3695418b412ad0e673ed2d2dbdb609a6e5232d65ed7', 'complete', 'chat', 'gpt-4.1', 'A pike.', '2026-11-01 12:01:00+00', '01a196fb-1610-7000-8000-000000000010', false, 0, NULL, NULL, NULL, 2, 0, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1612-7000-8000-000000000012', 4, 'message', 'user', '{"role":"user","content":"[redacted]"}', '\x598546a0c455bc29bad0db7178ee23fecdfd2ed312867e2d3250bad0394c3fb1', 'redacted', 'chat', NULL, '[redacted]', '2026-11-01 12:01:00+00', NULL, false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1612-7000-8000-000000000012', 5, 'message', 'user', '{"role":"user","content":"Tell me all"}', '\x439b09d817b8136617d7058fb2c39c7dbdfd1fb24229951f97111278480d4c3d', 'complete', 'chat', NULL, 'Tell me all', '2026-11-01 12:01:00+00', '01a196fb-1613-7000-8000-000000000013', false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1612-7000-8000-000000000012', 6, 'message', 'assistant', '{"role":"assistant","content":"A long answer","refusal":null}', '\x5c24783068f0aaf65a0e29376d87d00889e91093e72084d0019ffa25cc10442d', 'interrupted', 'chat', 'gpt-4.1', 'A long answer', '2026-11-01 12:01:00+00', '01a196fb-1613-7000-8000-000000000013', false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1615-7000-8000-000000000015', 1, 'message', 'user', '{"role":"user","content":"One?"}', '\xa8f5ac02aab1af036472736718ab3d42ec67c6599271d66d21c8a9d731660e79', 'complete', 'chat', NULL, 'One?', '2026-11-01 12:01:00+00', NULL, false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1615-7000-8000-000000000015', 2, 'message', 'assistant', '{"role":"assistant","content":"One."}', '\xaa0fca58b4ee62ba6fda91496762d9169dd52f5e723d518dee67b85afd9a0599', 'complete', 'chat', NULL, 'One.', '2026-11-01 12:01:00+00', NULL, false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1615-7000-8000-000000000015', 3, 'message', 'user', '{"role":"user","content":"Which number, 0?"}', '\x2e7a1d1ac56222fea43469dacb5406266a70a49f4e3f8575186c23212f55e5a0', 'complete', 'chat', NULL, 'Which number, 0?', '2026-11-01 12:01:00+00', '01a196fb-1616-7000-8000-000000000016', false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1615-7000-8000-000000000015', 4, 'message', 'assistant', '{"content":"Number 0.","refusal":null,"role":"assistant","annotations":[]}', '\x673eb0ec5812139592255a231024b47d34f173a4ed217ad0d272a467c1b3e4e6', 'complete', 'chat', 'gpt-4.1', 'Number 0.', '2026-11-01 12:01:00+00', '01a196fb-1616-7000-8000-000000000016', false, 0, NULL, NULL, NULL, 3, 0, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1615-7000-8000-000000000015', 5, 'message', 'user', '{"role":"user","content":"Which number, 1?"}', '\xfeaeae74f36bd61763e417db6d20f66cbc98efb9646677be56c2b6a764e492d3', 'complete', 'chat', NULL, 'Which number, 1?', '2026-11-01 12:01:00+00', '01a196fb-1617-7000-8000-000000000017', false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1615-7000-8000-000000000015', 6, 'message', 'assistant', '{"content":"Number 1.","refusal":null,"role":"assistant","annotations":[]}', '\x320a6b3efce5eb9b2a078f00cf2add347119587c42e80d177754a4fefac74b21', 'complete', 'chat', 'gpt-4.1', 'Number 1.', '2026-11-01 12:01:00+00', '01a196fb-1617-7000-8000-000000000017', false, 0, NULL, NULL, NULL, 3, 0, NULL);
INSERT INTO convo_golden.convo_message VALUES ('ada', '01a196fb-160a-7000-8000-00000000000a', 2, 'message', 'assistant', '{"role":"assistant","content":"Ok."}', '\x15e781a101f4411f2c4ebcae0e76e426d6b2dce5293779fd6197cd03e7558487', 'complete', 'chat', NULL, 'Ok.', '2026-11-01 12:01:00+00', NULL, false, 1, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1615-7000-8000-000000000015', 7, 'message', 'user', '{"role":"user","content":"Which number, 2?"}', '\x56666ab3a164e1207f4afb3d11973e6d268f7c186a7c7fa45beb0047ae89e39a', 'complete', 'chat', NULL, 'Which number, 2?', '2026-11-01 12:01:00+00', '01a196fb-1618-7000-8000-000000000018', false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1615-7000-8000-000000000015', 8, 'message', 'assistant', '{"content":"Number 2.","refusal":null,"role":"assistant","annotations":[]}', '\x07146cec6511dbb8ac3dc8452ee4a3977d5ca49d9e7857a3cc6373b95f4c4d68', 'complete', 'chat', 'gpt-4.1', 'Number 2.', '2026-11-01 12:01:00+00', '01a196fb-1618-7000-8000-000000000018', false, 0, NULL, NULL, NULL, 3, 0, NULL);
INSERT INTO convo_golden.convo_message VALUES ('', '01a196fb-1615-7000-8000-000000000015', 9, 'summary', 'system', '{"role":"system","content":"Summary of the conversation so far:\n\nThey counted.","covers":6}', '\x314a3b4cc8201af1fe03d26f1e3bb50fac59e356b228a460fef0b5ad7f3ead46', 'complete', 'chat', NULL, 'They counted.', '2026-11-01 12:01:00+00', NULL, false, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convo_golden.convo_message VALUES ('ada', '01a196fb-160a-7000-8000-00000000000a', 3, 'message', 'user', '{"role":"user","content":[{"type":"input_audio","input_audio":{"data":{"$blob":"9e56da473956dae1c47891196aa783d54b80a934abdcf5320261d8732fa3b737"},"format":"wav"}}]}', '\xd49fc625f2856929aa3a8dce1d6311871c52ddf103b02b9e651494a362a8438e', 'complete', 'chat', NULL, 'Recording 9e56da47.', '2026-11-01 12:01:00+00', NULL, true, 1, NULL, NULL, NULL, NULL, NULL, '{"from":"ada"}');
INSERT INTO convo_golden.convo_preset VALUES ('', 'calm', '{"voice":"sage","format":"wav","speed":0.9}', '2026-11-01 12:01:00+00');
INSERT INTO convo_golden.convo_search VALUES (1, '', '01a196fb-1602-7000-8000-000000000002', 1);
INSERT INTO convo_golden.convo_search VALUES (2, '', '01a196fb-1602-7000-8000-000000000002', 2);
INSERT INTO convo_golden.convo_search VALUES (3, '', '01a196fb-1602-7000-8000-000000000002', 3);
INSERT INTO convo_golden.convo_search VALUES (4, '', '01a196fb-1602-7000-8000-000000000002', 4);
INSERT INTO convo_golden.convo_search VALUES (5, '', '01a196fb-1602-7000-8000-000000000002', 5);
INSERT INTO convo_golden.convo_search VALUES (6, '', '01a196fb-1602-7000-8000-000000000002', 6);
INSERT INTO convo_golden.convo_search VALUES (7, '', '01a196fb-1602-7000-8000-000000000002', 7);
INSERT INTO convo_golden.convo_search VALUES (8, '', '01a196fb-1602-7000-8000-000000000002', 8);
INSERT INTO convo_golden.convo_search VALUES (9, '', '01a196fb-1602-7000-8000-000000000002', 9);
INSERT INTO convo_golden.convo_search VALUES (10, '', '01a196fb-1602-7000-8000-000000000002', 10);
INSERT INTO convo_golden.convo_search VALUES (11, '', '01a196fb-1602-7000-8000-000000000002', 11);
INSERT INTO convo_golden.convo_search VALUES (12, '', '01a196fb-1602-7000-8000-000000000002', 12);
INSERT INTO convo_golden.convo_search VALUES (13, '', '01a196fb-160c-7000-8000-00000000000c', 1);
INSERT INTO convo_golden.convo_search VALUES (14, '', '01a196fb-160c-7000-8000-00000000000c', 2);
INSERT INTO convo_golden.convo_search VALUES (15, '', '01a196fb-160c-7000-8000-00000000000c', 3);
INSERT INTO convo_golden.convo_search VALUES (16, '', '01a196fb-160e-7000-8000-00000000000e', 2);
INSERT INTO convo_golden.convo_search VALUES (17, '', '01a196fb-160e-7000-8000-00000000000e', 3);
INSERT INTO convo_golden.convo_search VALUES (18, '', '01a196fb-1612-7000-8000-000000000012', 4);
INSERT INTO convo_golden.convo_search VALUES (19, '', '01a196fb-1612-7000-8000-000000000012', 5);
INSERT INTO convo_golden.convo_search VALUES (20, '', '01a196fb-1612-7000-8000-000000000012', 6);
INSERT INTO convo_golden.convo_segment VALUES ('', '01a196fb-1602-7000-8000-000000000002', 1, 9223372036854775807, '01a196fb-1602-7000-8000-000000000002');
INSERT INTO convo_golden.convo_segment VALUES ('ada', '01a196fb-160a-7000-8000-00000000000a', 1, 9223372036854775807, '01a196fb-160a-7000-8000-00000000000a');
INSERT INTO convo_golden.convo_segment VALUES ('', '01a196fb-160c-7000-8000-00000000000c', 1, 9223372036854775807, '01a196fb-160c-7000-8000-00000000000c');
INSERT INTO convo_golden.convo_segment VALUES ('', '01a196fb-160e-7000-8000-00000000000e', 2, 9223372036854775807, '01a196fb-160e-7000-8000-00000000000e');
INSERT INTO convo_golden.convo_segment VALUES ('', '01a196fb-160e-7000-8000-00000000000e', 1, 1, '01a196fb-160c-7000-8000-00000000000c');
INSERT INTO convo_golden.convo_segment VALUES ('', '01a196fb-1612-7000-8000-000000000012', 4, 9223372036854775807, '01a196fb-1612-7000-8000-000000000012');
INSERT INTO convo_golden.convo_segment VALUES ('', '01a196fb-1612-7000-8000-000000000012', 1, 1, '01a196fb-160c-7000-8000-00000000000c');
INSERT INTO convo_golden.convo_segment VALUES ('', '01a196fb-1612-7000-8000-000000000012', 2, 3, '01a196fb-160e-7000-8000-00000000000e');
INSERT INTO convo_golden.convo_segment VALUES ('', '01a196fb-1615-7000-8000-000000000015', 1, 9223372036854775807, '01a196fb-1615-7000-8000-000000000015');
INSERT INTO convo_golden.convo_version VALUES ('convo_0006');
INSERT INTO convo_golden.convo_words VALUES (3, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''yes'':1');
INSERT INTO convo_golden.convo_words VALUES (4, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''and'':1 ''more'':2');
INSERT INTO convo_golden.convo_words VALUES (5, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''more'':1');
INSERT INTO convo_golden.convo_words VALUES (6, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''it'':2 ''look'':1 ''up'':3');
INSERT INTO convo_golden.convo_words VALUES (8, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''a'':1 ''hound'':2');
INSERT INTO convo_golden.convo_words VALUES (9, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''is'':2 ''it'':1 ''there'':4 ''written'':3');
INSERT INTO convo_golden.convo_words VALUES (10, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''back'':9 ''drop'':10 ''left'':5 ''naïve'':1 ''quoted'':7 ''right'':3 ''table'':11 ''to'':4 ''twice'':8 ''x'':12 ''é'':6 ''🙂'':2');
INSERT INTO convo_golden.convo_words VALUES (11, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''again'':4 ''can'':2 ''i'':1 ''try'':3');
INSERT INTO convo_golden.convo_words VALUES (13, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''be'':1 ''kind'':2');
INSERT INTO convo_golden.convo_words VALUES (14, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''bird'':2 ''which'':1');
INSERT INTO convo_golden.convo_words VALUES (15, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''a'':1 ''kestrel'':2');
INSERT INTO convo_golden.convo_words VALUES (16, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''fish'':2 ''which'':1');
INSERT INTO convo_golden.convo_words VALUES (17, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''a'':1 ''pike'':2');
INSERT INTO convo_golden.convo_words VALUES (19, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''all'':3 ''me'':2 ''tell'':1');
INSERT INTO convo_golden.convo_words VALUES (20, '''=e3b0c44298fc1c149afbf4c8996fb924'' ''a'':1 ''answer'':3 ''long'':2');
SELECT pg_catalog.setval('convo_golden.convo_search_number_seq', 20, true);
ALTER TABLE ONLY convo_golden.convo_version
    ADD CONSTRAINT convo_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY convo_golden.convo_annotation
    ADD CONSTRAINT pk_convo_annotation PRIMARY KEY (owner, branch, "position", name);
ALTER TABLE ONLY convo_golden.convo_attachment
    ADD CONSTRAINT pk_convo_attachment PRIMARY KEY (owner, branch, "position", part);
ALTER TABLE ONLY convo_golden.convo_blob
    ADD CONSTRAINT pk_convo_blob PRIMARY KEY (owner, digest);
ALTER TABLE ONLY convo_golden.convo_blob_chunk
    ADD CONSTRAINT pk_convo_blob_chunk PRIMARY KEY (owner, digest, number);
ALTER TABLE ONLY convo_golden.convo_branch
    ADD CONSTRAINT pk_convo_branch PRIMARY KEY (owner, id);
ALTER TABLE ONLY convo_golden.convo_checkpoint
    ADD CONSTRAINT pk_convo_checkpoint PRIMARY KEY (owner, exchange, number);
ALTER TABLE ONLY convo_golden.convo_conversation
    ADD CONSTRAINT pk_convo_conversation PRIMARY KEY (owner, id);
ALTER TABLE ONLY convo_golden.convo_exchange
    ADD CONSTRAINT pk_convo_exchange PRIMARY KEY (owner, id);
ALTER TABLE ONLY convo_golden.convo_home
    ADD CONSTRAINT pk_convo_home PRIMARY KEY (prefix);
ALTER TABLE ONLY convo_golden.convo_memory
    ADD CONSTRAINT pk_convo_memory PRIMARY KEY (owner, branch, origin, family);
ALTER TABLE ONLY convo_golden.convo_message
    ADD CONSTRAINT pk_convo_message PRIMARY KEY (owner, branch, "position");
ALTER TABLE ONLY convo_golden.convo_owner_key
    ADD CONSTRAINT pk_convo_owner_key PRIMARY KEY (owner, number);
ALTER TABLE ONLY convo_golden.convo_preset
    ADD CONSTRAINT pk_convo_preset PRIMARY KEY (owner, name);
ALTER TABLE ONLY convo_golden.convo_rendition
    ADD CONSTRAINT pk_convo_rendition PRIMARY KEY (owner, source, form);
ALTER TABLE ONLY convo_golden.convo_search
    ADD CONSTRAINT pk_convo_search PRIMARY KEY (number);
ALTER TABLE ONLY convo_golden.convo_segment
    ADD CONSTRAINT pk_convo_segment PRIMARY KEY (owner, branch, first);
ALTER TABLE ONLY convo_golden.convo_words
    ADD CONSTRAINT pk_convo_words PRIMARY KEY (number);
CREATE INDEX ix_convo_attachment_owner_digest ON convo_golden.convo_attachment USING btree (owner, digest);
CREATE INDEX ix_convo_blob_place ON convo_golden.convo_blob USING btree (place, owner, digest);
CREATE INDEX ix_convo_branch_owner_conversation ON convo_golden.convo_branch USING btree (owner, conversation);
CREATE INDEX ix_convo_conversation_owner_created_at_id ON convo_golden.convo_conversation USING btree (owner, created_at, id);
CREATE INDEX ix_convo_exchange_late ON convo_golden.convo_exchange USING btree (owner) WHERE (status = 'late'::text);
CREATE INDEX ix_convo_exchange_owner_branch_status ON convo_golden.convo_exchange USING btree (owner, branch, status);
CREATE INDEX ix_convo_exchange_owner_started_at ON convo_golden.convo_exchange USING btree (owner, started_at);
CREATE INDEX ix_convo_exchange_started_at ON convo_golden.convo_exchange USING btree (started_at);
CREATE INDEX ix_convo_message_pinned ON convo_golden.convo_message USING btree (owner, branch, "position") WHERE pinned;
CREATE INDEX ix_convo_message_summary ON convo_golden.convo_message USING btree (owner, branch, "position") WHERE (kind = 'summary'::text);
CREATE INDEX ix_convo_rendition_owner_digest ON convo_golden.convo_rendition USING btree (owner, digest);
CREATE INDEX ix_convo_segment_owner_source ON convo_golden.convo_segment USING btree (owner, source);
CREATE INDEX ix_convo_words_words ON convo_golden.convo_words USING gin (words);
CREATE UNIQUE INDEX uq_convo_conversation_owner_key ON convo_golden.convo_conversation USING btree (owner, key);
CREATE UNIQUE INDEX uq_convo_exchange_owner_conversation_key ON convo_golden.convo_exchange USING btree (owner, conversation, key);
CREATE UNIQUE INDEX uq_convo_search_owner_branch_position ON convo_golden.convo_search USING btree (owner, branch, "position");
ALTER TABLE ONLY convo_golden.convo_annotation
    ADD CONSTRAINT fk_convo_annotation_convo_message FOREIGN KEY (owner, branch, "position") REFERENCES convo_golden.convo_message(owner, branch, "position") ON DELETE CASCADE;
ALTER TABLE ONLY convo_golden.convo_attachment
    ADD CONSTRAINT fk_convo_attachment_convo_message FOREIGN KEY (owner, branch, "position") REFERENCES convo_golden.convo_message(owner, branch, "position") ON DELETE CASCADE;
ALTER TABLE ONLY convo_golden.convo_blob_chunk
    ADD CONSTRAINT fk_convo_blob_chunk_convo_blob FOREIGN KEY (owner, digest) REFERENCES convo_golden.convo_blob(owner, digest) ON DELETE CASCADE;
ALTER TABLE ONLY convo_golden.convo_branch
    ADD CONSTRAINT fk_convo_branch_convo_conversation FOREIGN KEY (owner, conversation) REFERENCES convo_golden.convo_conversation(owner, id) ON DELETE CASCADE;
ALTER TABLE ONLY convo_golden.convo_checkpoint
    ADD CONSTRAINT fk_convo_checkpoint_convo_exchange FOREIGN KEY (owner, exchange) REFERENCES convo_golden.convo_exchange(owner, id) ON DELETE CASCADE;
ALTER TABLE ONLY convo_golden.convo_exchange
    ADD CONSTRAINT fk_convo_exchange_convo_branch FOREIGN KEY (owner, branch) REFERENCES convo_golden.convo_branch(owner, id) ON DELETE CASCADE;
ALTER TABLE ONLY convo_golden.convo_memory
    ADD CONSTRAINT fk_convo_memory_convo_branch FOREIGN KEY (owner, branch) REFERENCES convo_golden.convo_branch(owner, id) ON DELETE CASCADE;
ALTER TABLE ONLY convo_golden.convo_message
    ADD CONSTRAINT fk_convo_message_convo_branch FOREIGN KEY (owner, branch) REFERENCES convo_golden.convo_branch(owner, id) ON DELETE CASCADE;
ALTER TABLE ONLY convo_golden.convo_rendition
    ADD CONSTRAINT fk_convo_rendition_convo_blob FOREIGN KEY (owner, source) REFERENCES convo_golden.convo_blob(owner, digest) ON DELETE CASCADE;
ALTER TABLE ONLY convo_golden.convo_search
    ADD CONSTRAINT fk_convo_search_convo_message FOREIGN KEY (owner, branch, "position") REFERENCES convo_golden.convo_message(owner, branch, "position") ON DELETE CASCADE;
ALTER TABLE ONLY convo_golden.convo_segment
    ADD CONSTRAINT fk_convo_segment_convo_branch FOREIGN KEY (owner, branch) REFERENCES convo_golden.convo_branch(owner, id) ON DELETE CASCADE;
ALTER TABLE ONLY convo_golden.convo_words
    ADD CONSTRAINT fk_convo_words_convo_search FOREIGN KEY (number) REFERENCES convo_golden.convo_search(number) ON DELETE CASCADE;
