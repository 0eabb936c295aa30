{ HMAC-SHA256 (RFC 2104, FIPS 180-4) for Free Pascal 3.2, whose units have only MD5 and SHA-1. Delphi has System.Hash. }
unit HubSha256;

{$MODE DELPHI}{$H+}
{$Q-}{$R-} { sums are modulo 2^32 }

interface

uses
  SysUtils;

function HmacSha256(const Key, Content: TBytes): TBytes;

implementation

const
  BlockBytes = 64;
  Rounds: array[0..63] of LongWord = (
    $428a2f98, $71374491, $b5c0fbcf, $e9b5dba5, $3956c25b, $59f111f1, $923f82a4, $ab1c5ed5,
    $d807aa98, $12835b01, $243185be, $550c7dc3, $72be5d74, $80deb1fe, $9bdc06a7, $c19bf174,
    $e49b69c1, $efbe4786, $0fc19dc6, $240ca1cc, $2de92c6f, $4a7484aa, $5cb0a9dc, $76f988da,
    $983e5152, $a831c66d, $b00327c8, $bf597fc7, $c6e00bf3, $d5a79147, $06ca6351, $14292967,
    $27b70a85, $2e1b2138, $4d2c6dfc, $53380d13, $650a7354, $766a0abb, $81c2c92e, $92722c85,
    $a2bfe8a1, $a81a664b, $c24b8b70, $c76c51a3, $d192e819, $d6990624, $f40e3585, $106aa070,
    $19a4c116, $1e376c08, $2748774c, $34b0bcb5, $391c0cb3, $4ed8aa4a, $5b9cca4f, $682e6ff3,
    $748f82ee, $78a5636f, $84c87814, $8cc70208, $90befffa, $a4506ceb, $bef9a3f7, $c67178f2);
  Start: array[0..7] of LongWord = (
    $6a09e667, $bb67ae85, $3c6ef372, $a54ff53a, $510e527f, $9b05688c, $1f83d9ab, $5be0cd19);

type
  TState = array[0..7] of LongWord;

procedure Compress(var State: TState; const Text: TBytes; Offset: Integer);
var
  Words: array[0..63] of LongWord;
  Now: TState;
  Round, Index: Integer;
  First, Second: LongWord;
begin
  for Round := 0 to 15 do
    Words[Round] := (LongWord(Text[Offset + 4 * Round]) shl 24) or (LongWord(Text[Offset + 4 * Round + 1]) shl 16)
      or (LongWord(Text[Offset + 4 * Round + 2]) shl 8) or Text[Offset + 4 * Round + 3];
  for Round := 16 to 63 do
  begin
    First := RorDWord(Words[Round - 15], 7) xor RorDWord(Words[Round - 15], 18) xor (Words[Round - 15] shr 3);
    Second := RorDWord(Words[Round - 2], 17) xor RorDWord(Words[Round - 2], 19) xor (Words[Round - 2] shr 10);
    Words[Round] := Words[Round - 16] + First + Words[Round - 7] + Second;
  end;
  Now := State;
  for Round := 0 to 63 do
  begin
    First := Now[7] + (RorDWord(Now[4], 6) xor RorDWord(Now[4], 11) xor RorDWord(Now[4], 25))
      + ((Now[4] and Now[5]) xor ((not Now[4]) and Now[6])) + Rounds[Round] + Words[Round];
    Second := (RorDWord(Now[0], 2) xor RorDWord(Now[0], 13) xor RorDWord(Now[0], 22))
      + ((Now[0] and Now[1]) xor (Now[0] and Now[2]) xor (Now[1] and Now[2]));
    for Index := 7 downto 1 do
      Now[Index] := Now[Index - 1];
    Now[4] := Now[4] + First;
    Now[0] := First + Second;
  end;
  for Index := 0 to 7 do
    State[Index] := State[Index] + Now[Index];
end;

function Sha256(const Content: TBytes): TBytes;
var
  State: TState;
  Padded: TBytes;
  Index, Size: Integer;
begin
  Size := (Length(Content) + 8) div BlockBytes * BlockBytes + BlockBytes;
  SetLength(Padded, Size);
  FillChar(Padded[0], Size, 0);
  if Length(Content) > 0 then
    Move(Content[0], Padded[0], Length(Content));
  Padded[Length(Content)] := $80;
  for Index := 0 to 7 do
    Padded[Size - 1 - Index] := Byte((Int64(Length(Content)) * 8) shr (8 * Index));
  State := TState(Start);
  for Index := 0 to Size div BlockBytes - 1 do
    Compress(State, Padded, Index * BlockBytes);
  SetLength(Result, 32);
  for Index := 0 to 31 do
    Result[Index] := Byte(State[Index div 4] shr (24 - 8 * (Index mod 4)));
end;

function Masked(const Key: TBytes; Mask: Byte; const Content: TBytes): TBytes;
var
  Index: Integer;
begin
  SetLength(Result, BlockBytes + Length(Content));
  for Index := 0 to BlockBytes - 1 do
    if Index < Length(Key) then
      Result[Index] := Key[Index] xor Mask
    else
      Result[Index] := Mask;
  if Length(Content) > 0 then
    Move(Content[0], Result[BlockBytes], Length(Content));
end;

function HmacSha256(const Key, Content: TBytes): TBytes;
var
  Short: TBytes;
begin
  Short := Key;
  if Length(Short) > BlockBytes then
    Short := Sha256(Short);
  Result := Sha256(Masked(Short, $5c, Sha256(Masked(Short, $36, Content))));
end;

end.
