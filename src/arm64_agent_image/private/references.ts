/** Names a reference in a text: by the `Ref` or `Fn::GetAtt` that it is, or by another intrinsic function. */
export type Placeholder = (reference: string | undefined, intrinsic: object) => string;

const AS_IN_SUB: Placeholder = (reference, intrinsic) => `\${${reference ?? JSON.stringify(intrinsic)}}`;

/** Whether a resolved value is an intrinsic function of CloudFormation. */
export function isIntrinsic(value: unknown): value is object {
  const [key, ...others] = value && typeof value === 'object' ? Object.keys(value) : [];
  return others.length === 0 && (key === 'Ref' || key?.startsWith('Fn::') === true);
}

/** A resolved value as text, whether it is written as a literal, an `Fn::Join`, an `Fn::Sub` or a reference. */
export function asText(value: any, placeholder: Placeholder = AS_IN_SUB): string {
  if (!isIntrinsic(value)) {
    return String(value);
  }
  const intrinsic = value as Record<string, any>;
  if ('Fn::Join' in intrinsic) {
    const [separator, parts] = intrinsic['Fn::Join'];
    return parts.map((part: any) => asText(part, placeholder)).join(separator);
  }
  if (typeof intrinsic['Fn::Sub'] === 'string') {
    return intrinsic['Fn::Sub'].replace(/\$\{([^}]+)\}/g, (_, reference) => placeholder(reference, { Ref: reference }));
  }
  return placeholder(intrinsic.Ref ?? intrinsic['Fn::GetAtt']?.join('.'), intrinsic);
}
